// All conversations, in the order in which they are held.

import type { Conversation } from '../conversation.ts';
import { configMaps } from './config-maps.ts';

export const conversations: readonly Conversation[] = [configMaps];
