import type { DeclaredTag, HostSpec } from '../../src/domain/inventory.js';
import type { Outcome } from '../../src/domain/outcome.js';
import type { StepSpec } from '../../src/domain/step.js';
import type { TagSpec } from '../../src/domain/tag.js';
import { TEST_DEFAULTS, type TestSpec } from '../../src/domain/test.js';

/** What a host looks like when nothing has changed. */
export const LOOKS = { boot: 'boot-1', packages: 'p1', modules: 'm1', cmdline: 'c1', sysctls: 's1' };

/** A test that says nothing but its name. */
export function aTest(name: string, more: Partial<TestSpec> = {}): TestSpec {
  return {
    name,
    requirement: '',
    labels: [],
    run: Buffer.from('#!/bin/sh\n').toString('base64'),
    environment: {},
    ...TEST_DEFAULTS,
    cases: [],
    commands: [],
    underTest: [],
    network: false,
    ...more,
  };
}

/** A host reached over ssh (nobody does, here) with one seat. */
export function aHost(name: string, more: Partial<HostSpec> = {}): HostSpec {
  return {
    name,
    type: 'generic',
    pool: 'default',
    owner: `${name}-owner`,
    seats: 1,
    expendable: [],
    tags: [],
    resources: [],
    transport: {
      kind: 'ssh',
      address: '127.0.0.1',
      port: 22,
      user: 'root',
      keyFile: '/nowhere',
      hostKeys: ['none'],
    },
    ...more,
  };
}

/** A step of layer `use` that gives one tag. */
export function aStep(name: string, gives: string, more: Partial<StepSpec> = {}): StepSpec {
  return {
    name,
    owner: `${name}-owner`,
    layer: 'use',
    needs: '',
    gives: [gives],
    action: { kind: 'script', script: 'true' },
    undo: { none: 'nothing to take back' },
    timeoutMs: 60_000,
    costS: 1,
    ...more,
  };
}

/** A flag with a probe. */
export function aTag(name: string): TagSpec {
  return { name, meaning: name, kind: 'flag', source: { by: 'probe', script: 'true' } };
}

/** These flags, as a host declares them. */
export function declared(...tags: readonly string[]): DeclaredTag[] {
  return tags.map((tag) => ({ tag, place: '', raw: '' }));
}

/** A flag that nobody can see: what is declared or given counts. */
export function aWord(name: string): TagSpec {
  return { name, meaning: name, kind: 'flag', source: { by: 'word' } };
}

/** The test ended by itself with this exit code. */
export function exit(code: number, missing: { needed?: string[]; underTest?: string[] } = {}): Outcome {
  return {
    kind: 'ended',
    exit: { kind: 'exited', code },
    missing: { needed: missing.needed ?? [], underTest: missing.underTest ?? [] },
  };
}

/** The host was lost in this phase. */
export function lostIn(phase: 'connect' | 'test' | 'chain', back = false): Outcome {
  return { kind: 'host_lost', phase, error: 'lost', message: 'the connection ended', back };
}
