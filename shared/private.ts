// What Herd makes is its user's alone: images, weights and addresses are nobody else's business, whatever the umask. A folder
// that is there already keeps its mode.

/** The mode of every file that is made. */
export const PRIVATE_FILE = 0o600;

/** The mode of every folder that is made. */
export const PRIVATE_FOLDER = 0o700;
