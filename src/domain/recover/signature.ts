/**
 * What is the same of two errors: the text without numbers, times, addresses, ids and paths, at most 200 characters.
 */
export function signatureOf(text: string): string {
  return text
    .replace(/\b[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\b/gi, 'UUID')
    .replace(/\b\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d)?([.,]\d+)?( ?(Z|UTC|[+-]\d\d:?\d\d))?/g, 'TIME')
    .replace(/\b[0-9a-f]{2}(:[0-9a-f]{2}){5}\b/gi, 'MAC')
    .replace(/\b\d{1,2}:\d\d:\d\d([.,]\d+)?\b/g, 'TIME')
    .replace(/\b[0-9]{1,3}(\.[0-9]{1,3}){3}(:[0-9]+)?\b/g, 'ADDRESS')
    .replace(/(?<![\w:])([0-9a-f]{0,4}:){2,7}[0-9a-f]{0,4}(?![\w:])/gi, 'ADDRESS')
    .replace(/(\/[\w.@+-]+)+\/?/g, 'PATH')
    .replace(/\b(0x)?[0-9a-f]{8,}\b/gi, 'HEX')
    .replace(/[0-9]+(\.[0-9]+)?/g, 'N')
    .replace(/\s+/g, ' ')
    .trim()
    .slice(0, 200);
}
