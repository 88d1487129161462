//! Rules as regexes, for what tells neither by its beginning nor by a key before it.
//!
//! A rule runs only where one of its keywords stands: over the line, or what of it is near. Each byte is read by a rule at most
//! once, however often the keywords come.

use std::sync::LazyLock;

use regex::bytes::Regex;

/// One built-in rule. The first group that took part is the secret.
pub struct Rule {
    pub kind: &'static str,
    /// In lower case.
    pub keywords: &'static [&'static str],
    pub regex: LazyLock<Option<Regex>>,
    /// Bytes before the keyword that belong to it.
    pub back: usize,
}

/// Bytes behind a keyword that a rule sees.
pub const AHEAD: usize = 2048;

macro_rules! rules {
    ($($kind:literal $back:literal [$($keyword:literal),+] $regex:literal;)+) => {
        pub static RULES: [Rule; [$($kind),+].len()] = [$(Rule {
            kind: $kind,
            keywords: &[$($keyword),+],
            // A regex that does not compile is `None`, and then what is near its keywords is masked as a whole.
            regex: LazyLock::new(|| Regex::new(concat!("(?-u)", $regex)).ok()),
            back: $back,
        }),+];
    };
}

rules! {
    "slack-webhook" 0 ["hooks.slack.com"]
        r#"hooks\.slack\.com(?:/|%2F)(?:services|workflows|triggers)(?:/|%2F)([A-Za-z0-9/+_%-]{16,})"#;
    "discord-webhook" 16 ["api/webhooks/"] r#"discord(?:app)?\.com/api/webhooks/(\d+/[\w-]{30,})"#;
    "teams-webhook" 64 ["webhook.office.com/"] r#"webhook\.office\.com/(?:webhookb2/)?([^\s"'<>]{30,})"#;
    "discord-token" 0 ["discord", "bot "] r#"\b([MNO][A-Za-z\d_-]{22,28}\.[A-Za-z\d_-]{5,7}\.[A-Za-z\d_-]{27,})"#;
    "telegram-token" 16 [":aa"] r#"(?:^|[^A-Za-z0-9]|bot)(\d{8,10}:AA[A-Za-z0-9_-]{30,})"#;
    "terraform-token" 20 [".atlasv1."] r#"\b([A-Za-z0-9]{10,18}\.atlasv1\.[A-Za-z0-9_=-]{40,})"#;
    "new-relic-key" 40 ["nral"] r#"\b([a-f0-9]{30,40}NRAL)\b"#;
    "azure-client-secret" 4 ["q~"] r#"([A-Za-z0-9_~.-]{3}\dQ~[A-Za-z0-9_~.-]{30,40})"#;
    "mailchimp-key" 34 ["-us"] r#"\b([a-f0-9]{32}-us\d{1,2})\b"#;
    "airtable-token" 0 ["pat"] r#"\b(pat[A-Za-z0-9]{14}\.[a-f0-9]{40,})"#;
    "password" 0 ["mysql", "mariadb"] r#"(?:mysql|mariadb)\w*[^\n|;]*?[\s"']-p(?:\\"([^"\\\n]+)|'([^'\n]+)'|"([^"\n,\]]+)"|([^\s'"\\-][^\s'"|;)]*))"#;
    "password" 0 ["sshpass"] r#"sshpass\s+-p\s*(?:'([^'\n]+)'|"([^"\n]+)"|([^\s'"$]\S*))"#;
    "password" 0 ["docker", "podman", "helm", "buildah", "skopeo", "crane", "nerdctl", "az ", "oc ", "argocd", "cf ", "mongo", "ibmcloud"]
        r#"\b(?:(?:docker|podman|helm|buildah|skopeo|crane|nerdctl|az|oc|argocd|cf|ibmcloud)\b[^\n|;]*?\blogin\b|mongo(?:sh|dump|restore|import|export)?\b)[^\n|;]*?\s-p[ =]?(?:'([^'\n]+)'|"([^"\n]+)"|([^\s'"$-][^\s'"|;]*))"#;
    "password" 0 ["curl", "wget", "http ", "https ", "xh "]
        r#"\b(?:curl|wget|https?|xh)\b[^\n|]*?\s(?:-u|--user|--proxy-user|-U|-a|--auth)[ =]?['"]?[^\s:'"/]+:([^\s'"]+)"#;
    "password" 0 ["redis-cli"] r#"redis-cli[^\n|;]*?\s(?:-a|--pass)[ =]?(?:'([^'\n]+)'|"([^"\n]+)"|([^\s'"$-][^\s'"]*))"#;
    "password" 0 ["ldapsearch", "ldapadd", "ldapmodify", "ldapwhoami", "ldappasswd"]
        r#"ldap\w+[^\n|;]*?\s-w[ =]?(?:'([^'\n]+)'|"([^"\n]+)"|([^\s'"$-][^\s'"]*))"#;
    "password" 0 ["sqlcmd", "bcp "] r#"(?:sqlcmd|bcp)\b[^\n|;]*?\s-P[ =]?(?:'([^'\n]+)'|"([^"\n]+)"|([^\s'"$-][^\s'"]*))"#;
    "password" 0 ["smbclient", "mount.cifs", "rpcclient"] r#"\s-U\s*['"]?[^\s%'"]+%([^\s'"]+)"#;
    "password" 0 ["htpasswd"] r#"htpasswd\s+-\w*b\w*\s+\S+\s+\S+\s+(?:'([^'\n]+)'|"([^"\n]+)"|([^\s'"$]\S*))"#;
    "password" 16 ["pass:"] r#"-pass(?:in|out)?\s+['"]?pass:([^\s'"]+)"#;
    "password" 0 ["requirepass", "masterauth"] r#"(?:requirepass|masterauth)\s+(?:"([^"\n]+)"|'([^'\n]+)'|([^\s"'$<][^\s"']*))"#;
    "password" 0 ["identified"] r#"(?i)identified\s+(?:with\s+\S+\s+)?(?:by|as)\s+(?:password\s+)?(?:'((?:[^'\\\n]|\\.|'')+)'|"([^"\n]+)"|([^\s"';,<$]+))"#;
    "password" 64 ["@tcp(", "@unix("] r#"[^\s:@/"'=]+:([^\s"']+?)@(?:tcp|unix)\("#;
    "password" 64 [":thin:", ":oci:", ":oci8:"] r#":(?:thin|oci8?):[^\s/@:"']+/(?:"([^"\n]+)"|([^\s@"']+))@"#;
    "password" 96 ["sqlplus", "expdp", "impdp", "sqlldr"] r#"(?:sqlplus|expdp|impdp|sqlldr)\b[^\n|;]*?\s['"]?[A-Za-z][\w$#]*/([^\s@'"]+)(?:@|['"\s]|$)"#;
    "password" 80 ["@"] r#"(?:^|[\s"'=(\[,])[A-Za-z][\w.+-]*:([^\s:@/"'<>()\[\]{}]{4,})@(?:[A-Za-z][A-Za-z0-9-]*\.[A-Za-z0-9.-]+|localhost|\d+\.\d+\.\d+\.\d+|[a-z][a-z0-9-]*:\d+|[a-z][a-z0-9-]*/)"#;
    "password" 0 [" login "] r#"\slogin\s+\S+\s+(?:account\s+\S+\s+)?password\s+(\S+)"#;
    "password" 0 ["chpasswd"] r#"(?:echo|printf|<<<)\s+['"]?[\w.-]+:([^\s'"|]+)['"]?[^\n]*chpasswd"#;
    "secret" 0 ["--from-literal"] r#"--from-literal[= ]['"]?[^=\s]+=([^\s'"]+)"#;
    "password" 0 ["set password"] r#"(?i)set\s+password\s+(?:for\s+\S+\s+)?(?:=|to)\s*(?:password\()?'([^'\n]+)'"#;
    "secret" 0 ["setx"] r#"(?i)setx\s+\w*(?:token|pass|secret|key|pwd)\w*\s+"?([^\s"]+)"#;
    "password" 0 ["passphrase for"] r#"passphrase for [^:\n]{1,40}: *(\S+)"#;
    "pagerduty-key" 0 ["pagerduty.com/integration/"] r#"pagerduty\.com/integration/([0-9A-Za-z]{24,})"#;
    "webhook-secret" 0 ["webhook?", "webhooks?"] r#"webhooks?\?(?:code|key|token|sig)=([^\s&"'<>]{8,})"#;
    "vault-key" 0 ["unseal key", "recovery key"] r#"(?i)(?:unseal|recovery) key(?: \d+)?: *([A-Za-z0-9+/=]{20,})"#;
    "vault-token" 0 ["secret_id"] r#"(?i)secret_id["'\\]*\s*[:=]\s*["'\\]*([0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12})"#;
    "secret" 0 ["--certificate-key"] r#"--certificate-key[= ]['"]?([0-9a-fA-F]{32,})"#;
    "private-key" 4096 ["kty\""] r#""(?:d|p|q|dp|dq|qi|k)\\?"\s*:\s*\\?"([A-Za-z0-9_-]{20,})"#;
    "password" 0 ["etcdctl"] r#"etcdctl[^\n|;]*?\s--user[= ]['"]?[^\s:'"]+:([^\s'"]+)"#;
    "password" 0 ["rabbitmqctl"]
        r#"rabbitmqctl\b[^\n|;]*?\s(?:add_user|change_password|authenticate_user)\s+\S+\s+['"]?([^\s'"]+)"#;
    "password" 4 ["auth "] r#">\s*AUTH\s+(?:[\w.-]+\s+)?['"]?([^\s'"]{4,})"#;
    "password" 0 ["auth plain", "auth login", "auth xoauth2"] r#"(?i)auth (?:plain|login|xoauth2)\s+([A-Za-z0-9+/]{12,}=*)"#;
    "password" 64 [":5432:", ":5433:", ":6432:"] r#"(?:^|[\s"'])[\w.*-]+:\d{4,5}:[\w*.-]+:[\w*.-]+:([^\s"']{4,})"#;
    "password" 0 ["with password"] r#"(?i)with password\s*=?\s*N?'((?:[^'\\\n]|''|\\.)+)'"#;
    "secret" 96 ["some("]
        r#"(?i)(?:pass|pwd|secret|token|cred|(?:api|private|encryption|signing|access)_?key)\w*\\?"?\s*[:=]\s*Some\(\\?"([^"\\\n]+)"#;
    "secret" 48 ["secret,", "token,", "password,", "passwd,", "passphrase,", "apikey,", "api_key,", "private_key,"]
        r#"(?i)(?:^|[|;\s"])[\w.-]*(?:secret|token|password|passwd|passphrase|api_?key|private_key),([^\s|,;"]*\d[^\s|,;"]*)(?:;|$)"#;
    "secret" 48 ["secret |", "token |", "password |", "passwd |", "apikey |", "api_key |", "private_key |", "token  ", "secret  ", "password  "]
        r#"(?i)\|\s*[\w.-]*(?:secret|token|password|passwd|api_?key|private_key)\s*\|\s*([^\s|]*\d[^\s|]*)\s*(?:\||$)"#;
    "snmp-community" 0 ["snmpwalk", "snmpget"] r#"\s-c\s+['"]?([^\s'"]+)"#;
}
