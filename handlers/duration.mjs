// How long each case took, and the whole run, by the grid's own monotonic clock.
import { say, serve } from './lines.mjs';

const begun = new Map();
let runBegun = 0;

function seconds(from) {
  return ((performance.now() - from) / 1000).toFixed(3);
}

await serve((news) => {
  if (news.event === 'run_start') runBegun = performance.now();
  if (news.event === 'case_start') begun.set(news.case, performance.now());
  if (news.event === 'case_end' && begun.has(news.case)) {
    const value = seconds(begun.get(news.case));
    begun.delete(news.case);
    say({ measurement: { case: news.case, name: 'duration', value, unit: 's' } });
  }
  if (news.event === 'run_end')
    say({ measurement: { name: 'duration', value: seconds(runBegun), unit: 's' } });
});
