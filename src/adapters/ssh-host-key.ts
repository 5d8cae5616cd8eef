import { Client } from 'ssh2';
import { algorithmsOfKeyType, fingerprint } from './ssh.js';

/** A key by which a host shows who it is. */
export interface HostKey {
  /** `type base64`, as it is pinned. */
  readonly key: string;
  /** `SHA256:...`, as `ssh-keygen -l` writes it. */
  readonly fingerprint: string;
}

/** The types of host keys that can be pinned, the best first. */
export const HOST_KEY_TYPES: readonly string[] = Object.keys(algorithmsOfKeyType);

/**
 * The key that a host shows where only a key of this type will do; nobody logs in, and nothing is proven by it.
 * Undefined where it has none of the type; rejects where nothing answers.
 */
export function shownHostKey(
  address: string,
  port: number,
  type: string,
  timeoutMs: number,
): Promise<HostKey | undefined> {
  return new Promise((resolve, reject) => {
    const client = new Client();
    let shown: HostKey | undefined;
    client.once('error', (error: Error) => {
      client.destroy();
      if (shown !== undefined || error.message.includes('host key')) resolve(shown);
      else reject(error);
    });
    client.once('close', () => resolve(shown));
    client.connect({
      host: address,
      port,
      username: 'nobody',
      authHandler: [],
      algorithms: { serverHostKey: [...(algorithmsOfKeyType[type] ?? [])] },
      hostVerifier: (blob: Buffer) => {
        const length = blob.readUInt32BE(0);
        const key = `${blob.subarray(4, 4 + length).toString('latin1')} ${blob.toString('base64')}`;
        shown = { key, fingerprint: fingerprint(blob) };
        return false;
      },
      readyTimeout: timeoutMs,
    });
  });
}
