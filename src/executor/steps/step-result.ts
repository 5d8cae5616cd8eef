/** How a step of the chain went. */
export interface StepResult {
  readonly result: 'ok' | 'failed' | 'timed_out' | 'killed';
  readonly exitCode?: number;
  readonly message: string;
  /** The resource that failed it, where it is known to be that one's failure. */
  readonly resource?: string;
  /** What is asked for cannot be had, says whoever puts it in: to try again changes nothing. */
  readonly refused?: true;
}

/** A step that did not do its work. */
export function failed(message: string, resource?: string): StepResult {
  return { result: 'failed', message, ...(resource === undefined ? {} : { resource }) };
}
