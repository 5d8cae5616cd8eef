import { Smtp } from '../../src/adapters/smtp.js';
import type { MailSpec } from '../../src/domain/tell/telling.js';
import { NotSent, type SentLetter } from '../../src/ports/mailer.js';

// Sends one letter in each of the ways of the argument, a list as JSON, and says what came of each: a process of its own,
// since which authorities it trusts is settled when it starts.
const letter: SentLetter = {
  to: 'ann@example.org',
  subject: 'host one',
  text: 'it is down\n',
  messageId: 'm1@testyard',
  listId: 'testyard.example.org',
  thread: 'i1',
};
const came: string[] = [];
for (const mail of JSON.parse(process.argv[2] ?? '[]') as MailSpec[])
  await new Smtp().send(mail, letter).then(
    () => came.push('sent'),
    (error: unknown) =>
      came.push(
        error instanceof NotSent ? `${error.isForGood ? 'never' : 'later'}: ${error.message}` : String(error),
      ),
  );
console.log(JSON.stringify(came));
