import { execFileSync } from 'node:child_process';

/**
 * Where the lab serves to its hosts: an address of this machine's loopback, which light hosts have a way to and no
 * network has. From the same range as theirs, which is set aside for testing (RFC 2544).
 */
export const SERVICE_ADDRESS = '198.19.255.254';

/** Gives this machine the address; again it does nothing. */
export function haveServiceAddress(): string {
  execFileSync('ip', ['addr', 'replace', `${SERVICE_ADDRESS}/32`, 'dev', 'lo']);
  return SERVICE_ADDRESS;
}
