import { mkdir } from 'node:fs/promises';
import path from 'node:path';
import { program } from './run-program.js';

/** An OpenPGP key of the lab's own, in a folder of its own, with which its repositories are signed. */
export class SigningKey {
  private constructor(
    readonly home: string,
    /** The public key, armoured. */
    readonly key: string,
  ) {}

  static async make(folder: string): Promise<SigningKey> {
    // The agent's socket is below it, and a path of a socket is short.
    const home = path.join(folder, 'gnupg');
    await mkdir(home, { recursive: true, mode: 0o700 });
    const who = 'Lab <lab@testyard.invalid>';
    const args = ['--batch', '--homedir', home];
    // rpm of today takes no key of an elliptic curve for granted.
    await program('gpg', [...args, '--passphrase', '', '--quick-gen-key', who, 'rsa3072', 'sign', 'never']);
    return new SigningKey(home, await program('gpg', [...args, '--armor', '--export']));
  }

  /** A text with its signature around it. */
  async clearSign(file: string, to: string): Promise<void> {
    await this.gpg('--output', to, '--clearsign', file);
  }

  /** A signature beside a file. */
  async detachSign(file: string): Promise<void> {
    await this.gpg('--output', `${file}.asc`, '--armor', '--detach-sign', file);
  }

  /** Ends the agent that gpg has left behind. */
  async end(): Promise<void> {
    await program('gpgconf', ['--homedir', this.home, '--kill', 'all']);
  }

  private async gpg(...args: readonly string[]): Promise<void> {
    await program('gpg', ['--batch', '--yes', '--homedir', this.home, ...args]);
  }
}
