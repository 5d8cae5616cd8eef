import type {
  AnswerView,
  HostsForView,
  TagDetail,
  TagView,
  TestsForView,
  TestView,
} from '../http/contract.js';
import type { Aim, Asking } from './client.js';
import { Failure } from './failure.js';

/** Who answers questions about requirements, tests and tags: a grid, or the files of a lab. */
export interface Answers {
  explain(asked: Asking & Aim): Promise<AnswerView>;
  testsFor(aim: Aim & { readonly project?: string | undefined }): Promise<TestsForView>;
  hostsFor(asked: Asking): Promise<HostsForView>;
  tags(): Promise<readonly TagView[]>;
  tag(name: string): Promise<TagDetail>;
  tests(project: string | undefined): Promise<readonly TestView[]>;
}

/** There is no such thing; what a grid says of it with 404. */
export class NotThere extends Failure {}
