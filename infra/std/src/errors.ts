// Every code this package can raise, and what it means to the reader.

export const stdErrors: Readonly<Record<string, string>> = {
  QUEUE_OVERFLOW:
    'A reader of a bounded queue fell too far behind and was cut off; it has to start again from a fresh list.',
};
