import { z } from 'zod';
import { Paging, page } from './page.js';
import { name } from './words.js';

export const TestView = z.object({
  project: name,
  name: z.string(),
  requirement: z.string(),
  owner: z.string().optional(),
  labels: z.array(z.string()),
  timeoutS: z.number(),
});
export type TestView = z.infer<typeof TestView>;

export const TestQuery = Paging.extend({ project: name.optional() });
export const TestPage = page(TestView);
