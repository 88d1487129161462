//! Whether a text for a database only reads.

/// True for one `SELECT` or `SHOW` that calls nothing but known functions, and for the listing commands of `psql`.
pub fn sql_only_reads(sql: &str) -> bool {
    let sql = sql.trim().to_ascii_lowercase();
    let sql = sql.trim_end_matches("\\g").trim_end_matches(';');
    if let Some(command) = sql.strip_prefix('\\') {
        // A second backslash or a backquote would start another command.
        let is_alone = !command.contains(['\\', '`', '|']);
        let letters = command.split([' ', '+']).next().unwrap_or_default();
        let lists = letters == "conninfo"
            || letters.starts_with(['d', 'l']) && letters.bytes().all(|byte| b"dltinsvumpfcxn".contains(&byte));
        return is_alone && lists;
    }
    let words: Vec<&str> = sql.split(|character: char| !(character.is_ascii_alphanumeric() || character == '_')).collect();
    let starts = ["select", "show", "explain", "describe"].contains(&words[0]);
    let is_plain = !sql.contains([';', '\\', '`']) && !sql.contains("--") && !sql.contains("/*") && !sql.contains("mysql.user");
    starts && is_plain && !words.iter().any(|word| SQL_NOT_A_READ.split(' ').any(|bad| bad == *word)) && calls_only_known(sql)
}

/// True for a helper of `mongosh` that shows figures.
pub fn mongo_only_reads(script: &str) -> bool {
    let script: String =
        script.chars().filter(|character| !character.is_whitespace() && !matches!(character, ';' | '"' | '\'')).collect();
    MONGO_READS.contains(&script.to_ascii_lowercase().as_str())
}

/// Words that make a `SELECT` write, lock, wait or tell passwords.
const SQL_NOT_A_READ: &str = "into update delete insert merge drop alter truncate create grant copy call analyze share outfile dumpfile pg_shadow \
    pg_authid pg_user_mapping pg_user_mappings authentication_string";

const SQL_FUNCTIONS: &str = "count sum min max avg now version coalesce round extract date_trunc length lower upper age greatest least concat left \
    right substr substring in exists any all and or not on from where over by as interval pg_size_pretty pg_database_size \
    pg_total_relation_size pg_relation_size current_setting pg_is_in_recovery pg_blocking_pids pg_last_xact_replay_timestamp \
    pg_wal_lsn_diff pg_current_wal_lsn";

const MONGO_READS: [&str; 12] = [
    "rs.status()",
    "rs.conf()",
    "db.stats()",
    "db.serverstatus()",
    "db.version()",
    "db.hello()",
    "db.currentop()",
    "showdbs",
    "showcollections",
    "db.admincommand(ping)",
    "db.admincommand({ping:1})",
    "db.runcommand({ping:1})",
];

fn calls_only_known(sql: &str) -> bool {
    sql.match_indices('(').all(|(at, _)| {
        let before = sql[..at].trim_end();
        let is_name = |character: char| character.is_ascii_alphanumeric() || matches!(character, '_' | '.' | '"');
        let name = &before[before.trim_end_matches(is_name).len()..];
        name.is_empty() || SQL_FUNCTIONS.split(' ').any(|known| known == name)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_are_told_from_what_only_looks_like_them() {
        for sql in [
            "SELECT 1",
            "select count(*) from pg_stat_activity;",
            "SHOW max_connections",
            "SHOW REPLICA STATUS\\G",
            "select state, count(*) from pg_stat_activity group by state order by (2)",
            "SELECT pg_size_pretty(pg_database_size(current_setting('x')))",
            "\\l",
            "\\dt+",
            "\\conninfo",
        ] {
            assert!(sql_only_reads(sql), "{sql}");
        }
        for sql in [
            "",
            "DROP TABLE x",
            "SELECT 1; DROP TABLE x",
            "SELECT pg_terminate_backend(1)",
            "SELECT \"pg_terminate_backend\"(1)",
            "SELECT pg_catalog.pg_reload_conf ()",
            "SELECT * INTO y FROM x",
            "SELECT * FROM x FOR UPDATE",
            "SELECT rolpassword FROM pg_authid",
            "EXPLAIN ANALYZE DELETE FROM x",
            "with x as (delete from y returning 1) select 1",
            "\\! rm -rf /",
            "\\copy x to y",
            "\\i x.sql",
            "\\l \\! id",
            "SELECT * FROM mysql.user",
            "\\d `id`",
            "SELECT pg_terminate_backend/**/(1)",
        ] {
            assert!(!sql_only_reads(sql), "{sql}");
        }
        assert!(mongo_only_reads("rs.status()") && mongo_only_reads("db.adminCommand({ ping: 1 })"));
        assert!(!mongo_only_reads("db.dropDatabase()"));
    }
}
