import { SshShell } from '../src/adapters/ssh.js';
import { STANDARD_TAGS } from '../src/domain/look/standard-tags.js';
import { probesOf, type Seen, seenIn } from '../src/executor/look.js';
import { Session } from '../src/executor/session.js';
import { systemTiming } from '../src/executor/system-timing.js';
import type { PlacePlan } from '../src/protocol/messages.js';
import { canRunLightHosts, type LabHost, lightHosts, sshdHosts } from '../test/lab.js';
import { asked, type Figure, quantile, report } from './parts/report.js';
import { CountedConnection } from './parts/round-trips.js';

/**
 * A full probe of a host over ssh: connect, start the one command of a session, look at all there is and for some
 * programs by name, and have it read. A round trip is a wait for the host after something was said to it. The host
 * with an sshd is this machine, with all its hardware; a light host has a small system of its own.
 */
const options = asked({ probes: 60 });
const WARM_UP = 5;
const PROGRAMS = ['sh', 'bash', 'git', 'gcc', 'python3', 'docker', 'no-such-program'];

const figures: Record<string, Figure> = {};
const light = canRunLightHosts() === undefined ? await lightHosts(1) : [];
const hosts = [...(await sshdHosts(1)), ...light];
try {
  const all = [];
  for (const [index, host] of hosts.entries()) {
    const probes = [];
    for (let n = 0; n < WARM_UP + options.probes; n++) {
      const probe = await probeOnce(host, String(n + 1));
      if (n >= WARM_UP) probes.push(probe);
    }
    const known = probes.map(
      ({ seen }) => seen.filter(({ sighting }) => sighting.presence !== 'unknown').length,
    );
    const kind = index === 0 ? 'sshd_host' : 'light_host';
    figures[`${kind}_ms_p50`] = {
      value: quantile(
        probes.map((one) => one.ms),
        0.5,
      ),
    };
    figures[`${kind}_look_ms_p50`] = {
      value: quantile(
        probes.map((one) => one.lookMs),
        0.5,
      ),
    };
    figures[`${kind}_tags_known`] = { value: Math.min(...known) };
    all.push(...probes);
  }
  const held = report(
    'probe',
    {
      round_trips: { value: Math.max(...all.map((one) => one.roundTrips)), bound: { kind: 'most', than: 2 } },
      ms_p50: {
        value: quantile(
          all.map((one) => one.ms),
          0.5,
        ),
        bound: { kind: 'most', than: 600 },
      },
      ms_p99: {
        value: quantile(
          all.map((one) => one.ms),
          0.99,
        ),
      },
      ...figures,
    },
    options,
  );
  process.exitCode = held ? 0 : 1;
} finally {
  await Promise.all(hosts.map((host) => host.stop()));
}

async function probeOnce(host: LabHost, attempt: string) {
  const plan = planFor(host);
  const from = performance.now();
  const target = { host: host.name, transport: host.transport, seat: 1 };
  const connection = await new SshShell().connect(target, 20_000);
  const counted = new CountedConnection(connection);
  try {
    const connected = performance.now();
    const session = await Session.open(counted.connection, {
      // A name that no other seat on this machine has: a session ends what lives of earlier ones on its seat.
      mark: { seat: `1${process.pid}.1`, attempt },
      mode: 'auto',
      bundle: { test: Buffer.alloc(0), probes: probesOf(plan), environment: {} },
      limits: { beginMs: 20_000, answerMs: 20_000, probeMs: 20_000, askMs: 30_000 },
      timing: systemTiming,
      onOutput: () => {},
      onSpoken: () => 'no test is running',
    });
    const seen: readonly Seen[] = seenIn(session, plan);
    const now = performance.now();
    const { roundTrips } = counted;
    const kernel = seen.find(({ tag }) => tag === 'kernel');
    if (kernel?.sighting.presence !== 'present') throw new Error('the host did not even tell its kernel');
    await session.end();
    return { ms: now - from, lookMs: now - connected, roundTrips, seen };
  } finally {
    connection.close();
  }
}

function planFor(host: LabHost): PlacePlan {
  const standard = STANDARD_TAGS.flatMap(({ name, kind, source }) =>
    source.by === 'look' && source.part !== 'cmd' ? [{ tag: name, kind, part: source.part }] : [],
  );
  const { name, transport } = host;
  return {
    role: 'main',
    host: { id: '1', name, transport, expendable: [] },
    seat: 1,
    chain: [],
    verify: [],
    observe: [...standard, ...PROGRAMS.map((program) => ({ tag: `cmd:${program}`, part: 'cmd' }))],
    fresh: false,
  };
}
