import type { StepAction } from '../domain/step-action.js';

/** The version of the protocol between executors and the grid; a different major is refused. */
export const PROTOCOL = '1.5';

/** Whether somebody who speaks this version understands the event `decided`; who says no version is older. */
export function takesDecided(version = '1.1'): boolean {
  return isAtLeast(version, 2);
}

/** Whether somebody who speaks this version keeps what tests and handlers leave. */
export function takesAttachments(version = '1.1'): boolean {
  return isAtLeast(version, 4);
}

/** Whether somebody who speaks this version takes environment records. */
export function takesEnvironment(version = '1.1'): boolean {
  return isAtLeast(version, 5);
}

/** Whether somebody who speaks this version can carry out a step: its kind may have come later. */
export function takesStep(action: StepAction, version: string): boolean {
  return isAtLeast(version, sinceMinor(action));
}

/** The minor version with which what a step does came into the protocol. */
function sinceMinor(action: StepAction): number {
  switch (action.kind) {
    case 'script':
      return action.on === undefined ? 0 : 5;
    case 'restore':
      return action.spec === undefined ? 0 : 5;
    case 'packages':
    case 'fetch':
    case 'build':
    case 'module':
    case 'reboot':
    case 'copy':
      return 5;
  }
}

function isAtLeast(version: string, least: number): boolean {
  const [major, minor] = version.split('.').map(Number);
  return major === 1 && (minor ?? 0) >= least;
}

/** The lease has ended: what runs under it must stop, and nothing of it is written any more. */
export class LeaseDead extends Error {
  override readonly name = 'LeaseDead';
}

/** An executor is not let in; asking again comes to the same until somebody changes something. */
export class Refused extends Error {
  override readonly name = 'Refused';
  constructor(
    message: string,
    /** True where the grid itself said so, false where what answers is not the grid. */
    readonly byGrid: boolean,
  ) {
    super(message);
  }
}
