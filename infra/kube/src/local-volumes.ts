// What the provisioner of a home and the agents of its nodes have agreed on: volumes that are directories of a node.

/** Provisioner of storage classes, and driver of the volumes it makes. */
export const localProvisioner = 'tweendeck.io/local';

/** Kept by such a volume until its directory is gone, or is left on purpose. */
export const directoryFinalizer = 'tweendeck.io/local-directory';
