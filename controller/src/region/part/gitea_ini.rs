//! Gitea's configuration: private by default, nothing that a Git host for workspaces does not need.

/// Folder of its keys: files that it would otherwise write into its configuration, which is read-only.
pub const KEYS: &str = "/etc/gitea/keys";

/// Names of the files in [`KEYS`].
pub const KEY_FILES: [&str; 4] = ["secret-key", "internal-token", "oauth2-jwt-secret", "lfs-jwt-secret"];

/// `app.ini` for a Gitea that browsers find at `url`.
pub fn text(url: &str) -> String {
    let [secret_key, internal_token, oauth2, lfs] = KEY_FILES;
    format!(
        "\
APP_NAME = Neural Inverse Cloud
RUN_MODE = prod
WORK_PATH = /var/lib/gitea

[server]
PROTOCOL = http
HTTP_ADDR = 0.0.0.0
HTTP_PORT = 3000
ROOT_URL = {url}/
PUBLIC_URL_DETECTION = never
DISABLE_SSH = true
START_SSH_SERVER = false
OFFLINE_MODE = true
LFS_START_SERVER = true
LFS_JWT_SECRET_URI = file:{KEYS}/{lfs}
LANDING_PAGE = login

[database]
DB_TYPE = sqlite3
PATH = /var/lib/gitea/gitea.db
SQLITE_JOURNAL_MODE = WAL
SQLITE_TIMEOUT = 20000

[security]
INSTALL_LOCK = true
SECRET_KEY_URI = file:{KEYS}/{secret_key}
INTERNAL_TOKEN_URI = file:{KEYS}/{internal_token}
DISABLE_GIT_HOOKS = true
IMPORT_LOCAL_PATHS = false

[oauth2]
ENABLED = true
JWT_SIGNING_ALGORITHM = RS256
JWT_SECRET_URI = file:{KEYS}/{oauth2}
INVALIDATE_REFRESH_TOKENS = true
DEFAULT_APPLICATIONS =

[service]
DISABLE_REGISTRATION = true
REQUIRE_SIGNIN_VIEW = true
ENABLE_NOTIFY_MAIL = false

[openid]
ENABLE_OPENID_SIGNIN = false
ENABLE_OPENID_SIGNUP = false

[repository]
FORCE_PRIVATE = true
DEFAULT_BRANCH = main
ENABLE_PUSH_CREATE_USER = false

[indexer]
ISSUE_INDEXER_TYPE = db
REPO_INDEXER_ENABLED = false

[session]
PROVIDER = db

[actions]
ENABLED = false

[packages]
ENABLED = false

[cron.git_gc_repos]
ENABLED = true

[log]
MODE = console
LEVEL = Warn
"
    )
}
