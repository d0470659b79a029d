// All conversations, in the order in which they are held.

import type { Conversation } from '../conversation.ts';
import { applying, changing, nodesAndPods } from './changing.ts';
import { creating } from './creating.ts';
import { access, asking, reading } from './reading.ts';

export const conversations: readonly Conversation[] = [
  asking,
  reading,
  access,
  creating,
  applying,
  changing,
  nodesAndPods,
];
