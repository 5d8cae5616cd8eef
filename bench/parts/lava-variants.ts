import { DEFECTS, type Defect, HELD_DEFECTS } from './lava-defects.js';
import type { Furniture } from './lava-host.js';
import type { Offer } from './lava-mirror.js';
import type { Package, Plant, Workshop } from './lava-packages.js';

/** What can be taken away from a definition, as `test/fixtures/lava/plants.yaml` says it. */
export interface Plants {
  readonly packages: readonly string[];
  readonly tools: readonly string[];
  readonly modules?: readonly string[];
  readonly devices?: readonly string[];
  readonly space?: boolean;
  readonly net?: boolean;
  readonly compares?: boolean;
  readonly idle?: Readonly<Record<string, string>>;
}

/** What was done to the host or to the tools before a definition runs there. */
export interface Variant {
  readonly name: string;
  /**
   * What the truth is: nothing is wrong; something that it needs is missing; a tool does nothing at all; a tool
   * under test is defective.
   */
  readonly truth: 'healthy' | 'lack' | 'nothing' | 'defect';
  readonly hangs?: boolean;
  /** What the mirror offers. */
  readonly offer: (workshop: Workshop) => Promise<Omit<Offer, 'packages'> & { packages: readonly Package[] }>;
  readonly furniture?: Omit<Furniture, 'sources'>;
  /** The way to the mirror is lost: at once, or once the packages have been installed. */
  readonly network?: 'down';
  /** Parameters that are given to the definition. */
  readonly parameters?: Readonly<Record<string, string>>;
  /** The packages of the definition are on the host before it begins. */
  readonly installed?: boolean;
}

type Planting = (name: string) => Plant | 'absent' | undefined;

function offering(
  planting: Planting = () => undefined,
  more: Omit<Offer, 'packages'> = {},
): Variant['offer'] {
  return async (workshop) => {
    const wanted = workshop.names.flatMap((name) => {
      const plant = planting(name);
      return plant === 'absent' ? [] : [workshop.package(name, plant ?? {})];
    });
    return { ...more, packages: await Promise.all(wanted) };
  };
}

/** A package's first tool is what most of the definition's cases rest on. */
function first(plants: Plants, workshop: Workshop): string {
  const [tool] = plants.tools;
  const found = plants.packages.find((name) => tool !== undefined && workshop.toolsOf(name).includes(tool));
  if (found === undefined) throw new Error(`no package of ${plants.packages.join(', ')} brings ${tool}`);
  return found;
}

/** Every variant that applies to a definition. */
export function variantsOf(plants: Plants, workshop: Workshop, held: boolean): readonly Variant[] {
  const tested = first(plants, workshop);
  const of =
    (plant: Plant): Planting =>
    (name) =>
      name === tested ? plant : undefined;
  const healthy: Variant = { name: 'healthy', truth: 'healthy', offer: offering() };
  const lacks = held ? heldLacks(plants, of) : plainLacks(plants, tested, of);
  const defects = (held ? HELD_DEFECTS : DEFECTS).map((defect) => asVariant(defect, of));
  return [healthy, ...lacks, ...defects];
}

function asVariant(defect: Defect, of: (plant: Plant) => Planting): Variant {
  return {
    name: `defect-${defect.name}`,
    truth: 'defect',
    ...(defect.hangs ? { hangs: true } : {}),
    offer: offering(of({ defect })),
  };
}

type Of = (plant: Plant) => Planting;

function plainLacks(plants: Plants, tested: string, of: Of): readonly Variant[] {
  const { tools, modules = [], devices = [], space, net, compares, idle } = plants;
  const [tool = ''] = tools;
  const variants: Variant[] = [
    ...(idle === undefined
      ? []
      : [{ name: 'never_called', truth: 'nothing' as const, offer: offering(), parameters: idle }]),
    {
      name: 'tool_missing',
      truth: 'lack',
      offer: offering(),
      installed: true,
      furniture: { lines: [`rm "$(command -v ${tool})"`] },
    },
    {
      name: 'not_installable',
      truth: 'lack',
      offer: offering((name) => (name === tested ? 'absent' : undefined)),
    },
    { name: 'mirror_down', truth: 'lack', offer: offering(), network: 'down' },
    {
      name: 'no_space_for_packages',
      truth: 'lack',
      offer: offering(),
      furniture: { lines: ['mount -t tmpfs -o size=4k,nr_inodes=2 tmpfs /var/cache/apt/archives'] },
    },
    { name: 'does_nothing', truth: 'nothing', offer: offering(of({ hollow: 'silent' })) },
    ...modules.map(
      (module): Variant => ({
        name: `no_module_${module}`,
        truth: 'lack',
        offer: offering(),
        furniture: { withoutModules: [module] },
      }),
    ),
  ];
  if (devices.length > 0)
    variants.push({
      name: 'no_device',
      truth: 'lack',
      offer: offering(),
      furniture: { withoutDevices: devices },
    });
  if (space)
    variants.push({
      name: 'no_space',
      truth: 'lack',
      offer: offering(),
      furniture: { lines: ['mount -t tmpfs -o size=16k tmpfs /var/tmp/harbour'] },
    });
  if (net)
    variants.push(
      { name: 'network_down', truth: 'lack', offer: offering(), installed: true, network: 'down' },
      { name: 'download_gone', truth: 'lack', offer: offering(undefined, { withoutCorpus: true }) },
    );
  if (compares)
    variants.push({ name: 'empty_comparison', truth: 'nothing', offer: offering(of({ hollow: 'reading' })) });
  return variants;
}

/** The same kinds of lacks, planted in other ways. */
function heldLacks(plants: Plants, of: Of): readonly Variant[] {
  const { tools, modules = [], devices = [], space, net, compares } = plants;
  const [tool = ''] = tools;
  const after = (name: string, lines: readonly string[]): Variant => ({
    name,
    truth: 'lack',
    offer: offering(),
    installed: true,
    furniture: { lines },
  });
  const variants: Variant[] = [
    after('held_dangling_link', [`t=$(command -v ${tool}); rm "$t"; ln -s /opt/gone/${tool} "$t"`]),
    after('held_no_interpreter', [`sed -i '1s|.*|#!/opt/gone/interpreter|' "$(command -v ${tool})"`]),
    after('held_out_of_path', [`mkdir -p /opt/elsewhere; mv "$(command -v ${tool})" /opt/elsewhere/`]),
    {
      name: 'held_conflict',
      truth: 'lack',
      offer: offering(of({ control: 'Conflicts: coreutils' })),
    },
    {
      name: 'held_unmet_dependency',
      truth: 'lack',
      offer: offering(of({ control: 'Depends: libharbour9 (>= 9)' })),
    },
    { name: 'held_pool_gone', truth: 'lack', offer: offering(undefined, { pool: 'gone' }) },
    { name: 'held_pool_damaged', truth: 'lack', offer: offering(undefined, { pool: 'damaged' }) },
    { name: 'held_mirror_503', truth: 'lack', offer: offering(undefined, { status: 503 }) },
    {
      name: 'held_postinst_fails',
      truth: 'lack',
      offer: offering(of({ postinst: `rm -f "$(command -v ${tool})"; echo 'no such service' >&2; exit 1` })),
    },
    { name: 'held_does_nothing', truth: 'nothing', offer: offering(of({ hollow: 'reading' })) },
    ...modules.map(
      (module): Variant => ({
        name: `held_blacklisted_${module}`,
        truth: 'lack',
        offer: offering(),
        furniture: {
          withoutModules: [module],
          lines: [`echo 'install ${module} /bin/false' >/etc/modprobe.d/lab.conf`],
        },
      }),
    ),
  ];
  if (devices.length > 0)
    variants.push({
      name: 'held_dead_device',
      truth: 'lack',
      offer: offering(),
      // A node without a driver behind it.
      furniture: {
        withoutDevices: devices,
        lines: devices.map((device) => `mknod -m 600 ${device} c 240 77`),
      },
    });
  if (space)
    variants.push({
      name: 'held_no_inodes',
      truth: 'lack',
      offer: offering(),
      furniture: { lines: ['mount -t tmpfs -o size=9m,nr_inodes=2 tmpfs /var/tmp/harbour'] },
    });
  if (net)
    variants.push({
      name: 'held_download_404',
      truth: 'lack',
      offer: offering(undefined, { status: 404 }),
      installed: true,
    });
  if (compares)
    variants.push({
      name: 'held_empty_comparison',
      truth: 'nothing',
      offer: offering(of({ hollow: 'silent' })),
    });
  return variants;
}
