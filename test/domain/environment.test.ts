import { describe, expect, it } from 'vitest';
import { diffEnvironments, NOT_SEEN } from '../../src/domain/environment/environment.js';

describe('two environments', () => {
  const base = {
    packages: { bash: '5.2-1', curl: '8.1' },
    modules: { nbd: '', loop: '' },
    sysctls: { 'kernel/panic': '0' },
  };

  it('that are the same differ in nothing', () => {
    expect(diffEnvironments(base, structuredClone(base))).toEqual({ changes: [], unknown: [] });
  });

  it('differ in what is new, gone or another, by part and name', () => {
    const after = {
      packages: { bash: '5.2-2', wget: '1' },
      modules: { loop: '' },
      sysctls: { 'kernel/panic': '0' },
    };
    expect(diffEnvironments(base, after).changes).toEqual([
      { part: 'packages', name: 'bash', before: '5.2-1', after: '5.2-2' },
      { part: 'packages', name: 'curl', before: '8.1' },
      { part: 'packages', name: 'wget', after: '1' },
      { part: 'modules', name: 'nbd', before: '' },
    ]);
  });

  it('do not differ in what one of them could not see: that is said apart', () => {
    const { packages, ...rest } = base;
    expect(diffEnvironments(base, rest)).toEqual({ changes: [], unknown: ['packages'] });
    expect(diffEnvironments(rest, base)).toEqual({ changes: [], unknown: ['packages'] });
    const unseen = { ...base, sysctls: { 'kernel/panic': NOT_SEEN } };
    expect(diffEnvironments(base, unseen)).toEqual({ changes: [], unknown: ['sysctls'] });
  });

  it('may have names that objects have of themselves', () => {
    const odd = { ...base, modules: { ...base.modules, constructor: '', toString: '' } };
    expect(diffEnvironments(base, odd).changes).toEqual([
      { part: 'modules', name: 'constructor', after: '' },
      { part: 'modules', name: 'toString', after: '' },
    ]);
  });
});
