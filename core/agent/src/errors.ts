// Every code this package can raise, and what it means to the reader.

export const agentErrors: Readonly<Record<string, string>> = {
  AGENT_RANGE_INVALID:
    'The range of pod addresses is not an IPv4 range such as 127.73.5.0/24 with at least 6 addresses. Correct the option.',
  AGENT_ADDRESSES_EXHAUSTED:
    'Every address of the pod range is in use by a pod of this node. Delete pods, or give the agent a larger range.',
  AGENT_CONFIG_INVALID:
    'A container cannot be configured as its pod says: a config map, secret or key is missing, or a field cannot be read. It is tried again when that changes.',
  AGENT_VOLUME_FAILED:
    'A volume of a pod cannot be made available: what it names is missing, or its kind does not exist in this home. It is tried again.',
  AGENT_START_FAILED:
    'A program could not be started: it is missing, not executable, or its working directory cannot be entered.',
};
