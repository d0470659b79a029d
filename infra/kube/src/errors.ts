// Every code this package can raise, and what it means to the reader.

export const kubeErrors: Readonly<Record<string, string>> = {
  QUANTITY_INVALID:
    'A text that should be a Kubernetes quantity (such as 500m, 2Gi or 1e3) is none. Correct it where it is written.',
  LABEL_SELECTOR_INVALID:
    'A label selector cannot be understood. Write requirements such as a=b, a!=b, a in (b,c), a notin (b), a or !a, joined by commas.',
  FIELD_SELECTOR_INVALID:
    'A field selector cannot be understood. Write terms such as metadata.name=x or status.phase!=Running, joined by commas; \\, = and , in values take a backslash.',
};
