// Every code that redis can raise.

export const redisErrors: Readonly<Record<string, string>> = {
  REDIS_AWAY:
    'A member of a Redis cluster cannot be reached, or its connection broke. The message says which and why; look at its pod and its log.',
  REDIS_COMMAND_FAILED:
    'A member of a Redis cluster refused a command of the platform. The message has the words of the server.',
};
