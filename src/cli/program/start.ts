import type { Command } from 'commander';
import type { Does } from './does.js';
import { list } from './option.js';

/** Commands that start something on this machine. */
export function addStarting(testyard: Command, does: Does): void {
  testyard
    .command('up')
    .description('start a grid on this machine, with a database of its own unless DATABASE_URL is set')
    .option('--listen <address>', 'where the API listens, for example 127.0.0.1:7070')
    .option('--inventory <dir>', 'the folder that describes hosts, tags, steps and tests')
    .option('--roles <roles>', 'api, scheduler, executor', list, ['api', 'scheduler', 'executor'])
    .option('--no-demo', "do not submit the inventory's tests at the start")
    .action(does(async (...args: Parameters<UpModule['up']>) => (await import('../up.js')).up(...args)));
  testyard
    .command('executor')
    .description('work on hosts for a grid that runs elsewhere')
    .requiredOption('--api <url>', "the grid's API")
    .requiredOption('--token-file <file>', 'a file with the token of an executor')
    .requiredOption('--name <name>', 'what the grid calls this executor')
    .option('--fingerprint <sha256>', "the fingerprint of the API's certificate")
    .action(
      does(async (...args: Parameters<ExecutorModule['executor']>) =>
        (await import('../executor.js')).executor(...args),
      ),
    );
  testyard
    .command('run')
    .description('run one test on this machine: no server, no database, nothing altered')
    .argument('<file>', 'an executable with its needs in comments, or YAML')
    .action(does(async (...args: Parameters<RunModule['run']>) => (await import('../run.js')).run(...args)));
}

type UpModule = typeof import('../up.js');
type ExecutorModule = typeof import('../executor.js');
type RunModule = typeof import('../run.js');
