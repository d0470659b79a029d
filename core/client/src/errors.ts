// Every code this package can raise, and what it means to the reader.

export const clientErrors: Readonly<Record<string, string>> = {
  CLIENT_UNREACHABLE:
    'No connection to the API server, or it broke before the answer was whole; a write may or may not have taken effect. Check that the server runs at the address in the message and that the network reaches it.',
  CLIENT_TIMEOUT:
    'The API server took a request and did not answer in time; a write may or may not have taken effect. Try again when the server is less busy.',
  CLIENT_ANSWER_TOO_LARGE:
    'The API server sent more in one answer, or in one event of a watch, than a client is willing to hold in memory. Something other than a Kubernetes API may be answering at this address.',
  CLIENT_BAD_ANSWER:
    'The answer is not what a Kubernetes API sends: not JSON, or not of the expected shape. Something other than a Kubernetes API may be answering at this address.',
  CLIENT_INFORMER_CLOSED:
    'A list-watch cache was closed before it had its first list, because the program stopped or its manager failed; the log says why.',
  KUBECONFIG_INVALID:
    'The kubeconfig cannot be used: it is not YAML, or a cluster, user, context or file that it names is missing. The message names the place.',
  KUBECONFIG_AUTH_UNSUPPORTED:
    'The user in the kubeconfig logs in by a plug-in (exec or auth-provider) or by a password, which is not supported yet. Use a client certificate or a token instead.',
};
