import { readFile } from 'node:fs/promises';
import type { SecretPlace } from '../domain/tell/telling.js';
import { NotSent } from '../ports/mailer.js';

/** A secret from where the inventory says that it is, on this machine. Rejects with NotSent where it is not. */
export async function secretAt(place: SecretPlace): Promise<string> {
  if ('env' in place) {
    const value = process.env[place.env];
    if (value !== undefined && value !== '') return value;
    throw new NotSent(`the variable ${place.env}, which has the secret, is not set here`, false);
  }
  const text = await readFile(place.file, 'utf8').catch((error: Error) => {
    throw new NotSent(`the secret cannot be read: ${error.message}`, false);
  });
  return text.trim();
}
