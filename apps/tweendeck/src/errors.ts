// Every code this package can raise, and what it means to the reader.

export const appErrors: Readonly<Record<string, string>> = {
  CLI_USAGE:
    'The command line cannot be meant: an unknown command or option, or a value out of its range.',
  CLI_NO_HOME:
    'There is no embedded home to speak to: none was started with this data directory, and no kubeconfig was named.',
  CLI_NO_CLUSTER:
    'No cluster was named: there is neither --kubeconfig nor $KUBECONFIG, and the program does not run in a pod.',
  CLUSTER_CREDENTIALS_UNREADABLE:
    'A file with the credentials that Kubernetes mounts into a pod cannot be read. The pod needs a service account, and automountServiceAccountToken must not be false.',
  CLUSTER_LISTEN_FAILED:
    'The address for health or metrics could not be bound. The cause names why; another program may hold the port.',
  CLI_NO_ENGINE:
    'A word is no kind of middleware cluster that the platform runs. The hint names those that there are.',
  CLI_NO_KIND: 'The API server serves no kind of this name.',
  CLI_BAD_MANIFEST:
    'A file of objects cannot be read as YAML or JSON, or an object in it lacks apiVersion, kind or name.',
  CLI_NOT_FOUND: 'The named object does not exist.',
  CLI_FILE_UNREADABLE: 'A file that was named cannot be read, or holds nothing.',
  CLI_FILE_UNWRITABLE: 'A file that was named cannot be written.',
  CLI_NOT_STORED:
    'The cache server took the files and does not have them: it refused the upload, or had no room.',
  CLI_LISTEN_FAILED:
    'An address could not be bound. The cause names why; another program may hold the port.',
  CLI_STATUS_REFUSED:
    'The status port of a cache refused an order. The message says why; purging and cleaning ask for a token.',
  CLI_STATUS_SILENT:
    'The status address of a cache server took the connection, and gave no answer in time. An order that was sent may still be carried out.',
  CLI_STATUS_UNREACHABLE: 'The status address of a cache server did not answer.',
  BACKUP_DAMAGED:
    'A backup is not as it was written: cut off, or changed. Nothing was restored. Fetch it once more, or use another one.',
  BACKUP_UNKNOWN:
    'A file is no backup of an embedded home, or one of a version that this program does not know.',
  BACKUP_REFUSED:
    'The API server gave no backup: it is none of an embedded home, its disk is full, or who asked may not have one.',
  BACKUP_EXISTS: 'The file that a backup was to be written to is there already.',
  HOME_NOT_EMPTY:
    'The data directory holds a home already, and a restore was not told to put another in its place.',
  HOME_RESTORE_UNFINISHED:
    'A restore into the data directory was cut short, so that it holds parts of two homes. Run it again; what was there before is kept in a folder beside.',
  HOME_UNWRITABLE: 'The data directory of the embedded home cannot be made or written.',
  HOME_DAMAGED: 'A file of the data directory does not hold what it must hold.',
  HOME_STARTING: 'The embedded home is still starting; the asked part is not up yet.',
  HOME_PORT_TAKEN: 'A port that the embedded home needs is held by another program.',
  CLI_NOT_CLEANED:
    'Some replicas of a CacheServer could not be cleaned. The message names one and says why; the log has all.',
  CLI_REPORT_UNDELIVERED:
    'The replicas were cleaned, and the webhook did not take the report. The message says what it answers.',
};
