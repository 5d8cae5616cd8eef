import type { Campaign } from './campaign.js';
import { pause } from './grid.js';

/** The part of an attempt in which an injection is to strike. */
export const PHASES = ['begin', 'chain', 'setup', 'test', 'teardown'] as const;
/** See PHASES; `end`: the host is tidied up after the verdict, which is too short to be waited for. */
export type Phase = (typeof PHASES)[number] | 'end';

/** An attempt that is under way. */
export interface Living {
  readonly host: string;
  readonly executor: string;
  readonly phase: Phase;
}

/** Something to be broken; `strike` resolves when it has been done and mended again. */
export interface Kind {
  readonly name: string;
  readonly weight: number;
  readonly strike: (campaign: Campaign, victim: Living, roll: () => number) => Promise<void>;
}

const LONGER_THAN_A_LEASE_MS = 3_500;

const kill = (part: (victim: Living) => string) => async (campaign: Campaign, victim: Living) => {
  await campaign.part(part(victim)).signal('SIGKILL');
};

const freeze =
  (part: (victim: Living) => string) => async (campaign: Campaign, victim: Living, roll: () => number) => {
    const stopped = campaign.part(part(victim));
    await stopped.signal('SIGSTOP');
    await pause(LONGER_THAN_A_LEASE_MS + roll() * 3_000);
    await stopped.signal('SIGCONT');
  };

const onHost =
  (act: (host: Campaign['hosts'][number], roll: () => number) => Promise<void>) =>
  async (campaign: Campaign, victim: Living, roll: () => number) => {
    const host = campaign.hosts.find((h) => h.name === victim.host);
    if (host !== undefined) await act(host, roll);
  };

/** All that a campaign breaks. */
export const KINDS: readonly Kind[] = [
  { name: 'api-killed', weight: 3, strike: kill(() => 'api') },
  { name: 'scheduler-killed', weight: 3, strike: kill(() => 'scheduler') },
  { name: 'executor-killed', weight: 5, strike: kill((victim) => victim.executor) },
  { name: 'api-stopped', weight: 1, strike: freeze(() => 'api') },
  { name: 'scheduler-stopped', weight: 1, strike: freeze(() => 'scheduler') },
  { name: 'executor-stopped', weight: 4, strike: freeze((victim) => victim.executor) },
  { name: 'database-connections-cut', weight: 3, strike: (campaign) => campaign.cutDatabase() },
  {
    name: 'postgres-killed',
    weight: 2,
    strike: (campaign, _, roll) => campaign.killPostgres(roll() * 2_000),
  },
  {
    name: 'sshd-killed',
    weight: 2,
    strike: onHost(async (host, roll) => {
      await host.killSshd();
      await pause(roll() * 3_000);
      await host.startSshd();
    }),
  },
  { name: 'connection-cut', weight: 4, strike: onHost((host) => host.cutConnections()) },
  {
    name: 'host-frozen',
    weight: 2,
    strike: onHost(async (host, roll) => {
      await host.freeze();
      await pause(500 + roll() * 5_000);
      await host.thaw();
    }),
  },
];

/** Attempts that are under way, with what they are doing just now. */
export async function living(campaign: Campaign): Promise<Living[]> {
  return campaign.rows<Living>(
    `SELECT h.name AS host, x.name AS executor, coalesce(
       (SELECT s.kind FROM step_run s WHERE s.run_id = q.run_id AND s.attempt_id = q.attempt_id AND s.result IS NULL
        ORDER BY s.seq DESC LIMIT 1), CASE q.state WHEN 'ending' THEN 'end' ELSE 'begin' END) AS phase
     FROM queue q JOIN host_seat hs ON hs.attempt_id = q.attempt_id JOIN host h ON h.id = hs.host_id
     JOIN lease l ON l.id = q.lease_id JOIN executor x ON x.id = l.executor_id
     WHERE q.state IN ('running', 'ending') AND q.ended IS NULL`,
  );
}
