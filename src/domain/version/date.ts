import type { Order, Reading } from './order.js';

/** A day as `2013-10-24`; those sort as text. */
type Day = string;

const WRITTEN = /^([0-9]{4})(?:-([0-9]{2})(?:-([0-9]{2}))?|([0-9]{2})([0-9]{2}))?$/;

/** ISO 8601: a day, a month or a year, which stand for their first day. Six digits (201310) could be either end first. */
export const date: Order<Day> = {
  name: 'date',
  read,
  compare: (a, b) => (a < b ? -1 : a > b ? 1 : 0),
  canonical: (day) => day,
};

function read(text: string): Reading<Day> {
  const written = WRITTEN.exec(text);
  if (written === null) return { ok: false, why: 'write 2013-10-24, 20131024, 2013-10 or 2013' };
  const [, year = '', dashedMonth, dashedDay, month = dashedMonth ?? '01', day = dashedDay ?? '01'] = written;
  if (month < '01' || month > '12') return { ok: false, why: 'its month is not one of 01 to 12' };
  const days = daysOf(Number(year), Number(month));
  if (day < '01' || Number(day) > days)
    return { ok: false, why: `${year}-${month} has the days 01 to ${days}` };
  return { ok: true, version: `${year}-${month}-${day}` };
}

function daysOf(year: number, month: number): number {
  if (month === 2) return year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0) ? 29 : 28;
  return [4, 6, 9, 11].includes(month) ? 30 : 31;
}
