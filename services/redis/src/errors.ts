// Every code that redis can raise.

export const redisErrors: Readonly<Record<string, string>> = {
  REDIS_AWAY:
    'A member of a Redis cluster cannot be reached, or its connection broke. The message says which and why; look at its pod and its log.',
  REDIS_COMMAND_FAILED:
    'A member of a Redis cluster refused a command of the platform. The message has the words of the server.',
  REDIS_COMMAND_LATE:
    'A member of a Redis cluster got to a command of the platform so late that it refused it by itself: nothing was changed, and what is to be done is decided anew. The message says how late it was; look whether its host or its network stands still now and then.',
  REDIS_SETTING_LOST:
    'A redis-server took a setting and has another value. The message has both; choose a value that the server uses.',
  REDIS_SLOTS_OWNED:
    'Slots that were to be given to others, because their owner is gone for good, have an owner that answers. Nothing was changed; the message says who.',
  REDIS_HEIR_BEHIND:
    'No replica caught up with its leader while a hand-over held writes back. They go on at the old leader; it is tried again. Look at the network and the load of the replicas.',
  REDIS_BACKUP_UNREADABLE:
    'A snapshot of a redis-server holds what cannot be read or restored, such as a value of a module, or it breaks off. Nothing of it is restored.',
  REDIS_BACKUP_UNSTEADY:
    'No backup can be taken of a cluster, or none restored into it, while slots are on their way or have no owner that answers. It is tried again.',
};
