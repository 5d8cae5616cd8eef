import nodemailer from 'nodemailer';
import type { MailSpec } from '../domain/tell/telling.js';
import { Mailer, NotSent, type SentLetter } from '../ports/mailer.js';
import { secretAt } from './secret-place.js';

const CONNECT_MS = 15_000;
const ANSWER_MS = 60_000;

/** Letters by SMTP; where a password is said only over TLS. */
export class Smtp extends Mailer {
  override async send(mail: MailSpec, letter: SentLetter): Promise<void> {
    const { protocol, hostname, port } = new URL(mail.smtp);
    const isSecure = protocol === 'smtps:';
    const pass = mail.password === undefined ? undefined : await secretAt(mail.password);
    const transport = nodemailer.createTransport({
      host: hostname.replace(/^\[|\]$/g, ''),
      port: port === '' ? (isSecure ? 465 : 25) : Number(port),
      secure: isSecure,
      ...(mail.user === undefined || pass === undefined
        ? {}
        : { auth: { user: mail.user, pass }, requireTLS: !isSecure }),
      connectionTimeout: CONNECT_MS,
      greetingTimeout: CONNECT_MS,
      socketTimeout: ANSWER_MS,
      // What a letter says is never a file or an address to be fetched.
      disableFileAccess: true,
      disableUrlAccess: true,
    });
    try {
      await transport.sendMail({ ...headersOf(mail, letter), text: letter.text });
    } catch (error) {
      const refusal = error as Refusal;
      throw new NotSent(`${hostname}: ${refusal.message}`, isOfLetter(refusal));
    } finally {
      transport.close();
    }
  }
}

type Refusal = Error & {
  readonly code?: string;
  readonly command?: string;
  readonly responseCode?: number;
};

/**
 * Whether a letter itself is refused for good: its recipient, or what it says. That a password is wrong, or the sender
 * may not send, is for an admin to mend: the letter waits for it.
 */
function isOfLetter({ code, command, responseCode = 0 }: Refusal): boolean {
  const isRefused = responseCode >= 500 && responseCode < 600;
  return isRefused && (code === 'EMESSAGE' || (code === 'EENVELOPE' && command === 'RCPT TO'));
}

/** Addresses stand alone, never in a list that a name could lengthen; programs are told that no answer is wanted. */
function headersOf(
  { from }: MailSpec,
  { to, replyTo, subject, messageId, answers, listId, thread }: SentLetter,
) {
  return {
    from: { name: 'Testyard', address: from },
    to: { name: '', address: to },
    ...(replyTo === undefined ? {} : { replyTo: { name: '', address: replyTo } }),
    subject: answers === undefined ? subject : `Re: ${subject}`,
    messageId: `<${messageId}>`,
    ...(answers === undefined ? {} : { inReplyTo: `<${answers}>`, references: `<${answers}>` }),
    headers: {
      'Auto-Submitted': 'auto-generated',
      'X-Auto-Response-Suppress': 'All',
      'List-Id': `<${listId}>`,
      'X-Testyard-Thread': thread,
    },
  };
}
