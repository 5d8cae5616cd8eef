import { filesBeside, wrongProgram } from '../domain/handler.js';
import { wrongPath } from '../domain/submit/source.js';
import type { TestSpec } from '../domain/test.js';
import type { SubmissionRequest } from './contract.js';
import { type TreePacking, withRepositories } from './pack-trees.js';

type SentFile = Extract<NonNullable<SubmissionRequest['tests']>[number], { file: unknown }>['file'];

/** What was sent along with a test file; nothing with one of a repository, where it is looked for. */
interface Sent {
  readonly tree: SentFile['tree'] | undefined;
  readonly programs: SentFile['programs'] | undefined;
}

/** What it is seen by, and whether it may be. */
interface Seeing {
  /** Undefined: only a plan is wanted, for which nothing is packed. */
  readonly packing: TreePacking | undefined;
  /** Of uploaded archives, by their digests. */
  readonly sizes: ReadonlyMap<string, number>;
  /** The name of the project where it may bring no handlers. */
  readonly untrusted: string | undefined;
}

type Read = TestSpec | { readonly problem: string };

/** A test with all that goes along with it: the tree of a LAVA definition, handlers of its own; or what is wrong. */
export async function alongWith(spec: TestSpec, sent: Sent, seeing: Seeing): Promise<Read> {
  const { packing, sizes, untrusted } = seeing;
  const wrong = mayBring(spec, sent, untrusted);
  if (wrong !== undefined) return { problem: wrong };
  if (packing === undefined) return spec;
  const { source } = spec;
  const whole = source === undefined ? withTree(spec, sent.tree, sizes) : await packing.along(spec, source);
  const names = filesBeside(spec.handlers);
  if ('problem' in whole || names.length === 0) return whole;
  const found =
    source === undefined ? { programs: sent.programs ?? {} } : await packing.programs(source, names);
  return 'problem' in found ? found : withPrograms(whole, names, found.programs);
}

function mayBring(
  { handlers }: TestSpec,
  { programs = {} }: Sent,
  untrusted: string | undefined,
): string | undefined {
  const wanted = filesBeside(handlers);
  const unasked = Object.keys(programs).find((name) => !wanted.includes(name));
  if (unasked !== undefined) return `the test names no handler './${unasked}': leave it out of 'programs'`;
  if (wanted.length === 0 || untrusted === undefined) return undefined;
  return `'./${wanted[0]}' in 'handlers' comes with the test, and project '${untrusted}' is not trusted with handlers of its own: an admin allows it in grid.yaml, with 'trusted_projects: [${untrusted}]'`;
}

function withPrograms(
  spec: TestSpec,
  names: readonly string[],
  programs: Readonly<Record<string, string>>,
): Read {
  for (const name of names) {
    const program = programs[name];
    const wrong =
      program === undefined
        ? "it is not there: send it along, below 'programs'"
        : wrongProgram(Buffer.from(program, 'base64'));
    if (wrong !== undefined) return { problem: `'./${name}' in 'handlers': ${wrong}` };
  }
  return { ...spec, programs };
}

/** A definition with the archive that was uploaded for it; or what is wrong with that. */
function withTree(
  spec: TestSpec,
  tree: SentFile['tree'] | undefined,
  sizes: ReadonlyMap<string, number>,
): Read {
  const { lava } = spec;
  if (lava === undefined)
    return tree === undefined
      ? spec
      : { problem: 'only a LAVA definition has a tree beside it: leave it out' };
  const asked = lava.repositories ?? [];
  if (tree === undefined && asked.length === 0) return spec;
  const { commits = [] } = tree ?? {};
  if (tree === undefined || commits.length !== asked.length)
    return {
      problem: `'install.git-repos' names ${asked.length} repositories: they lie in the tree that is uploaded, whose 'commits' names as many`,
    };
  const bytes = sizes.get(tree.blob);
  if (bytes === undefined) return { problem: `there is no such blob as ${tree.blob}: upload it first` };
  const wrong = wrongPath(tree.path);
  if (wrong !== undefined) return { problem: `tree.path: ${wrong}` };
  const folder = tree.path.includes('/') ? tree.path.slice(0, tree.path.lastIndexOf('/')) : '';
  const repositories = asked.map((one, index) => ({ ...one, commit: commits[index] ?? '' }));
  return {
    ...spec,
    lava: withRepositories({ ...lava, folder }, repositories),
    tree: { blob: tree.blob, bytes },
  };
}
