import type { Guidance, Outcome, Question, Trial } from '../src/domain/culprit/question.js';
import { playKilled } from './parts/culprit-restarts.js';
import { rollUpgrade } from './parts/culprit-set.js';
import { asked, dice, report } from './parts/report.js';

/**
 * Searches that are killed and resumed after everything that happens to them: a trial begun, told, lost, refused, a
 * word from a person. A resumed search must believe the same, ask for the same and end the same.
 */
const options = asked({ searches: 40 });
const roll = dice(options.seed);
const sum = { kills: 0, answers: 0, trials: 0 };
for (let n = 0; n < options.searches; n++) for (const kind of ['line', 'set'] as const) play(kind);
const held = report(
  'restart',
  {
    different_answers: { value: sum.answers, bound: { kind: 'exactly', than: 0 } },
    needless_trials: { value: sum.trials, bound: { kind: 'exactly', than: 0 } },
    kills: { value: sum.kills },
  },
  options,
);
process.exitCode = held ? 0 : 1;

function play(kind: 'line' | 'set'): void {
  const changes = kind === 'line' ? 64 : 20;
  const upgrade = rollUpgrade(changes, 0.35, 1, roll);
  const question: Question = {
    kind,
    changes,
    ...(kind === 'set' ? { needs: upgrade.needs, seed: Math.floor(roll() * 1e9) } : {}),
    ...(roll() < 0.5 ? { switching: 5 } : {}),
  };
  const culprit = 1 + Math.floor(roll() * changes);
  const outcome = ({ state, of }: Trial): Outcome => {
    const said = roll();
    if (said < 0.1) return 'error';
    if (said < 0.13) return 'lost';
    if (said < 0.15) return 'withdrawn';
    if (
      of !== undefined &&
      upgrade.undeclared.some(([one, other]) => of.includes(one) && !of.includes(other))
    )
      return 'refused';
    const isBad = of === undefined ? state >= culprit : of.includes(culprit);
    return roll() < (isBad ? 0.9 : 0.02) ? 'bad' : 'good';
  };
  const guidance: Guidance[] = roll() < 0.3 ? [{ kind: 'weigh', changes: [culprit], factor: 3 }] : [];
  const hosts = Array.from({ length: 1 + Math.floor(roll() * 4) }, (_, n) => ({ name: `h${n}` }));
  const went = playKilled(question, outcome, guidance, hosts, roll);
  sum.kills += went.kills;
  sum.answers += went.answers;
  sum.trials += went.trials;
}
