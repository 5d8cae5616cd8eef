import type { Order, Reading } from './order.js';
import { compareNumbers, compareParts, partsOf, withoutZeros } from './parts.js';

/** A version of a Debian package; upstream version and revision in parts. */
interface DebVersion {
  readonly epoch: string;
  readonly upstream: readonly string[];
  readonly revision: readonly string[];
}

const LARGEST_EPOCH = 2_147_483_647;

/**
 * Debian policy 5.6.12, `[epoch:]upstream[-revision]`, as dpkg reads it: no epoch is epoch 0, no revision is
 * revision 0. Where dpkg only warns (a version that does not begin with a digit) it is refused.
 */
export const deb: Order<DebVersion> = {
  name: 'Debian version',
  read,
  compare: (a, b) =>
    compareNumbers(a.epoch, b.epoch) ||
    compareParts(a.upstream, b.upstream) ||
    compareParts(a.revision, b.revision),
};

function read(text: string): Reading<DebVersion> {
  const colon = text.indexOf(':');
  const epoch = colon < 0 ? '0' : text.slice(0, colon);
  const rest = text.slice(colon + 1);
  const dash = rest.lastIndexOf('-');
  const upstream = dash < 0 ? rest : rest.slice(0, dash);
  const revision = dash < 0 ? '0' : rest.slice(dash + 1);
  const why = epochProblem(epoch) ?? upstreamProblem(upstream) ?? revisionProblem(revision);
  if (why !== undefined) return { ok: false, why };
  return {
    ok: true,
    version: { epoch: withoutZeros(epoch), upstream: partsOf(upstream), revision: partsOf(revision) },
  };
}

function epochProblem(epoch: string): string | undefined {
  if (/^[0-9]+$/.test(epoch) && Number(epoch) <= LARGEST_EPOCH) return undefined;
  return `what stands before ':' is a number up to ${LARGEST_EPOCH}, as in 1:2.3-4`;
}

function upstreamProblem(upstream: string): string | undefined {
  if (!/^[0-9]/.test(upstream)) return 'it begins with a digit, as in 1:2.3-4';
  const bad = /[^A-Za-z0-9.+~:-]/.exec(upstream)?.[0];
  return bad === undefined ? undefined : `'${bad}' cannot be in it; letters, digits and . + - ~ : can`;
}

function revisionProblem(revision: string): string | undefined {
  if (revision === '')
    return "nothing follows its last '-'; leave that out, or write the revision, as in 2.3-4";
  const bad = /[^A-Za-z0-9.+~]/.exec(revision)?.[0];
  return bad === undefined ? undefined : `'${bad}' cannot follow its last '-'; letters, digits and . + ~ can`;
}
