import { digestOf } from '../domain/digest.js';
import { componentName, isWatched, mailOf, ownerOf, type WatchSpec } from '../domain/watch.js';
import { Arrivals, type KnownPlace, type Look } from '../ports/arrivals.js';

/** A test as its project has it now. */
export interface TestNow {
  readonly name: string;
  /** Equal tests have equal digests. */
  readonly digest: string;
  readonly owner?: string;
  readonly madeAt: Date;
}

/** The tests of a project: a test that was changed is a new version of it, as much to be doubted as any package. */
export class TestArrivals extends Arrivals {
  constructor(private readonly tests: (project: string) => Promise<readonly TestNow[]>) {
    super();
  }

  override async look(watch: WatchSpec, known: KnownPlace): Promise<Look> {
    if (watch.place.kind !== 'test') throw new Error(`'${watch.name}' does not look at tests`);
    const all = await this.tests(watch.place.project).catch((error: Error) => error);
    if (all instanceof Error)
      return { kind: 'unreadable', why: `the tests of ${watch.place.project}: ${all.message}` };
    const tests = all.filter(({ name }) => isWatched(watch, name));
    const mark = digestOf(tests.map(({ name, digest }) => [name, digest]));
    if (mark === known.mark) return { kind: 'as_before' };
    const arrivals = tests.map(({ name, digest, owner: author, madeAt }) => {
      const owner = ownerOf(watch, [name], mailOf(author));
      return {
        component: componentName(watch, name),
        version: digest,
        title: `test ${name}`,
        ...(author === undefined ? {} : { author }),
        ...(owner === undefined ? {} : { owner }),
        madeAt,
        facts: { name },
      };
    });
    return { kind: 'read', arrivals, isAll: true, mark };
  }
}
