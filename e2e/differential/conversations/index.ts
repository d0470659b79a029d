// All conversations, in the order in which they are held.

import type { Conversation } from '../conversation.ts';
import { documents, lists, ownership, writes } from './bare-requests.ts';
import { applying, changing, leftOut, nodesAndPods } from './changing.ts';
import { lifecycles, rollouts } from './controllers.ts';
import { creating } from './creating.ts';
import { definitions } from './definitions.ts';
import { helm, helmWithControllers } from './helm.ts';
import { platform } from './platform.ts';
import { access, asking, reading } from './reading.ts';
import { defaults, refusals } from './refusals.ts';

export const conversations: readonly Conversation[] = [
  documents,
  asking,
  reading,
  access,
  lists,
  writes,
  ownership,
  creating,
  applying,
  changing,
  refusals,
  defaults,
  nodesAndPods,
  leftOut,
  helm,
  definitions,
  platform,
  rollouts,
  lifecycles,
  helmWithControllers,
];
