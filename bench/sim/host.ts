import type { Fingerprint } from '../../src/domain/host.js';
import type { HostSpec } from '../../src/domain/inventory.js';
import { LAYERS, type Layer, reaches } from '../../src/domain/layer.js';
import { holds } from '../../src/domain/match/holds.js';
import {
  clearsItsLayer,
  destroyedLayers,
  givenBy,
  isRestore,
  needsOf,
  type StepSpec,
} from '../../src/domain/step.js';
import type { Catalogue, Sighting } from '../../src/domain/tag.js';

/** What something left on a host, and in which layer it lies. */
interface Left {
  readonly tag: string;
  readonly layer: Layer;
  readonly raw: string;
}

/**
 * A machine that is made up: what lies on it, layer by layer, and what tests have spoilt. It knows nothing of what
 * the grid believes of it; what steps and tests do to it follows from the layers alone.
 */
export class SimHost {
  readonly name: string;
  /** The newest last; of several of one tag that one is seen. */
  private left: readonly Left[] = [];
  /** Of components whose versions a step has put in: which, and the layer they lie in. */
  private readonly versions = new Map<string, { readonly version: string; readonly layer: Layer }>();
  private readonly spoilt = new Set<Layer>();
  private boots = 1;
  private spoils = 0;

  constructor(private readonly spec: HostSpec) {
    this.name = spec.name;
  }

  /** What a probe or a look sees of a tag: what is declared of the machine is true of it, all else must be left there. */
  sees(tag: string): Sighting {
    const left = this.left.findLast((one) => one.tag === tag);
    if (left !== undefined) return { presence: 'present', instances: [{ place: '', raw: left.raw }] };
    const own = this.spec.tags.filter((one) => one.tag === tag);
    if (own.length === 0) return { presence: 'absent' };
    return { presence: 'present', instances: own.map(({ place, raw }) => ({ place, raw })) };
  }

  /** The version of a component that lies there; undefined: none. */
  versionOf(component: string): string | undefined {
    return this.versions.get(component)?.version;
  }

  /** Carries a step out; false where what it needs is not there. */
  carryOut(step: StepSpec, catalogue: Catalogue): boolean {
    const can = holds(needsOf(step), (tag) => this.sees(tag), catalogue) === 'yes';
    this.begin(step);
    if (!can) return false;
    if (clearsItsLayer(step)) this.forget(this.spoilt, step.layer);
    for (const { tag, value = '' } of step.gives.map(givenBy))
      this.left = [
        ...this.left.filter((one) => one.tag !== tag || one.layer !== step.layer),
        { tag, layer: step.layer, raw: value },
      ];
    if (step.action.kind === 'packages')
      for (const { component, version } of step.action.install)
        if (component !== undefined && version !== undefined)
          this.versions.set(component, { version, layer: step.layer });
    if (step.action.kind === 'fetch' || step.action.kind === 'build') {
      const { component, ref } = step.action.git;
      if (component !== undefined) this.versions.set(component, { version: ref, layer: step.layer });
    }
    if (isRestore(step) || step.layer === 'boot') this.boot();
    return true;
  }

  /** A step has begun: what it destroys above it is gone, and what lies beside it where it clears its layer. */
  begin(step: StepSpec): void {
    this.lose([...destroyedLayers(step), ...(clearsItsLayer(step) ? [step.layer] : [])]);
  }

  /** A test has changed this layer, or a step was cut off in it: nothing there and above is as it was. */
  spoil(layer: Layer): void {
    this.spoils += 1;
    this.spoilt.add(layer);
    this.lose(LAYERS.filter((one) => reaches(layer, one)));
  }

  /** The machine starts anew. */
  boot(): void {
    this.boots += 1;
  }

  /** Layers that somebody spoilt and nobody has put right since. */
  get spoiltLayers(): readonly Layer[] {
    return LAYERS.filter((layer) => this.spoilt.has(layer));
  }

  /** A cheap digest of what tests could have changed. */
  looks(): Fingerprint {
    const of = (layer: Layer) =>
      this.left.flatMap((one) => (one.layer === layer ? [`${one.tag}=${one.raw}`] : []));
    const spoils = (layer: Layer) => (this.spoilt.has(layer) ? `~${this.spoils}` : '');
    return {
      boot: `boot-${this.name}-${this.boots}`,
      packages: [...of('image'), ...of('packages')].join() + spoils('image') + spoils('packages') || 'none',
      modules: `m${spoils('boot')}`,
      cmdline: of('boot').join() || 'none',
      sysctls: 's',
    };
  }

  private lose(layers: readonly Layer[]): void {
    this.left = this.left.filter(({ layer }) => !layers.includes(layer));
    for (const [component, { layer }] of this.versions)
      if (layers.includes(layer)) this.versions.delete(component);
  }

  private forget(layers: Set<Layer>, from: Layer): void {
    for (const layer of layers) if (reaches(from, layer)) layers.delete(layer);
  }
}
