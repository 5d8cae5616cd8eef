import { describe, expect, it } from 'vitest';
import { knownKeys } from '../../src/adapters/known-hosts.js';

const FILE = `# a comment
example.org,192.0.2.7 ssh-ed25519 AAAAone
[example.org]:2222 ssh-ed25519 AAAAtwo
*.lab.example.org,!bad.lab.example.org ecdsa-sha2-nistp256 AAAAthree a comment
@revoked example.org ssh-rsa AAAAfour
example.org ssh-rsa AAAAfour
@cert-authority *.example.org ssh-ed25519 AAAAfive
broken
`;

describe('the keys of a host in known_hosts', () => {
  it.each([
    ['example.org', 22, ['ssh-ed25519 AAAAone']],
    ['EXAMPLE.org', 22, ['ssh-ed25519 AAAAone']],
    ['192.0.2.7', 22, ['ssh-ed25519 AAAAone']],
    ['example.org', 2222, ['ssh-ed25519 AAAAtwo']],
    ['example.org', 2223, []],
    ['a.lab.example.org', 22, ['ecdsa-sha2-nistp256 AAAAthree']],
    ['bad.lab.example.org', 22, []],
    ['exampleXorg', 22, []],
  ] as const)('%s, port %i', (address, port, keys) => {
    expect(knownKeys(FILE, address, port).keys).toEqual(keys);
  });

  it('are not those that were stolen', () => {
    expect(knownKeys(FILE, 'example.org', 22).revoked).toEqual(['ssh-rsa AAAAfour']);
  });
});
