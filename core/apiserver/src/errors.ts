// Every code this package can raise, and what it means to the reader.

export const apiserverErrors: Readonly<Record<string, string>> = {
  APISERVER_CERTIFICATES_UNREADABLE:
    'The certificates in the data directory cannot be read or belong together no more. Remove the directory named; new ones are made at the next start, and with them a new kubeconfig.',
  APISERVER_BAD_SERVICE_RANGE:
    'The range of service addresses is no IPv4 network such as 127.96.0.0/16 with at least four addresses.',
  APISERVER_SIGNING_KEYS_UNREADABLE:
    'The file of keys that service account tokens are signed with cannot be read, or holds no private key. Restore it; or remove it, and every token must be asked for again.',
  APISERVER_AUDIT_POLICY_INVALID:
    'The file that says which requests are written to the audit log cannot be read, or is no Policy of audit.k8s.io/v1.',
  APISERVER_AUDIT_LOG_UNWRITABLE:
    'The audit log cannot be opened. Name a file in a folder that is there and may be written to.',
  APISERVER_ENCRYPTION_KEYS_UNREADABLE:
    'The file of keys that secrets are encrypted with cannot be read, or holds no key. Restore it from where it is kept safe.',
  APISERVER_ENCRYPTION_KEYS_UNWRITABLE:
    'The file of keys that secrets are to be encrypted with cannot be made. Nothing was changed.',
  APISERVER_ENCRYPTION_KEY_MISSING:
    'A secret was encrypted with a key that is not in the file of keys. Restore the file; nothing is lost as long as the key is kept somewhere.',
  APISERVER_ENCRYPTED_VALUE_DAMAGED:
    'A secret cannot be decrypted with the key of its name: another key has that name now, or the value was changed on disk. Restore the file of keys, or the data directory.',
  APISERVER_CLOSED: 'The API server was closed while the request was under way.',
};
