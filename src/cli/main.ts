import { readFileSync } from 'node:fs';
import { EXIT, explain } from './failure.js';

/** Runs one command line and returns how to exit. Standard output that nobody reads any more ends it quietly. */
export async function main(argv: readonly string[]): Promise<number> {
  if (argv.length === 1 && (argv[0] === '--version' || argv[0] === '-V')) {
    process.stdout.write(`${version()}\n`);
    return EXIT.ok;
  }
  for (const stream of [process.stdout, process.stderr])
    stream.on('error', (error: NodeJS.ErrnoException) => {
      // `testyard logs r1 | head`
      if (error.code === 'EPIPE') process.exit(EXIT.ok);
      throw error;
    });
  const { program } = await import('./program.js');
  let exit: number = EXIT.ok;
  const testyard = program(version(), (code) => {
    exit = code;
  });
  const quietly = (command: typeof testyard) => {
    command.exitOverride();
    command.commands.forEach((child) => {
      quietly(child);
    });
  };
  quietly(testyard);
  try {
    await testyard.parseAsync(argv, { from: 'user' });
    return exit;
  } catch (error) {
    const { code, exitCode } = error as { code?: string; exitCode?: number };
    // Commander has said what is wrong; help that was asked for is no mistake.
    if (typeof code === 'string' && code.startsWith('commander.'))
      return exitCode === 0 ? EXIT.ok : EXIT.usage;
    const told = explain(error);
    process.stderr.write(
      `${told.lines.map((line, index) => (index === 0 ? `testyard: ${line}` : line)).join('\n')}\n`,
    );
    return told.exit;
  }
}

function version(): string {
  const file = new URL('../../package.json', import.meta.url);
  return (JSON.parse(readFileSync(file, 'utf8')) as { version: string }).version;
}
