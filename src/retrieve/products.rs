//! Whose words they are: `innodb` is said by MySQL, `nodetool` belongs to Cassandra. A log line names the parts of a
//! product, its runbooks name the product.
//!
//! General knowledge of well-known software only, never made from a collection. Parts that several products have
//! (`wal`, `replica`, `broker`) are left out.

use super::hash::FastMap;
use std::sync::LazyLock;

/// The product, in words, that `word` (lower case, as written) belongs to. `None` for most words.
pub fn product(word: &str) -> Option<&'static str> {
    PRODUCT_OF.get(word).copied()
}

static PRODUCT_OF: LazyLock<FastMap<&'static str, &'static str>> = LazyLock::new(|| {
    let parts = |&(product, parts): &(&'static str, &'static str)| parts.split_whitespace().map(move |part| (part, product));
    PRODUCTS.iter().flat_map(parts).collect()
});

const PRODUCTS: &[(&str, &str)] = &[
    (
        "postgres postgresql",
        "pg psql pgbouncer patroni postmaster pgbackrest walreceiver walsender autovacuum libpq psycopg psycopg2",
    ),
    ("mysql mariadb", "innodb mysqld mysqldump binlog binlogs mariadbd galera wsrep proxysql hy000 mysqladmin"),
    ("mongodb mongo", "mongod mongos wiredtiger mongodump mongosh mongonetworkerror mongoservererror mongoose oplog"),
    ("redis", "jedis lettuce rdb aof sentinel bgsave redisson ioredis maxmemory"),
    (
        "elasticsearch opensearch",
        "lucene ilm slm esrejectedexecutionexception circuitbreakingexception searchphaseexecutionexception kibana",
    ),
    ("kafka", "isr zookeeper kraft notenoughreplicasexception librdkafka rdkafka consumergroup mirrormaker"),
    ("rabbitmq", "amqp pika mnesia rabbitmqctl amqpconnectionerror shovel"),
    ("cassandra", "nodetool cassandradaemon cqlsh gcinspector sstable sstables nohostavailableexception"),
    ("clickhouse", "replicatedmergetree mergetree clickhousekeeper"),
    ("etcd", "etcdctl etcdserver boltdb bbolt mvcc fdatasync"),
    ("vault secrets", "unseal unsealed seal sealed approle"),
    ("consul", "memberlist serf"),
    ("ceph storage", "osd osds pgs rgw cephfs bluestore crush"),
    ("istio mesh", "istiod pilot envoy xds lds sidecarinjector"),
    ("cilium network", "hubble bpf ebpf"),
    ("calico network", "bird felix typha bgp"),
    ("dns coredns", "nxdomain servfail nodelocaldns kubedns"),
    ("prometheus", "promtool tsdb remotewrite servicemonitor servicemonitors podmonitor prometheusrule promql"),
    ("alertmanager", "amtool"),
    ("loki logs", "logql promtail"),
    ("logs", "fluentbit fluentd logstash filebeat vector"),
    ("traces tracing", "otlp otel opentelemetry jaeger tempo zipkin span spans"),
    ("certificate tls", "acme letsencrypt certmanager openssl x509 notafter"),
    ("helm release", "tiller helmrelease"),
    ("argocd argo", "applicationset"),
    ("flux", "kustomization helmcontroller sourcecontroller"),
    ("terraform", "tfstate tfplan"),
    ("velero backup", "restic kopia"),
    ("jvm java", "gc metaspace jstack jmap hikaripool hikari outofmemoryerror netty tomcat"),
    ("keycloak login identity", "oidc openid saml sso infinispan"),
    ("ldap directory", "ldapsearch slapd"),
    ("mail smtp", "postfix sendmail dkim spf dmarc bounce"),
    ("gpu", "nvidia nvrm xid cuda ecc dcgm"),
    ("airflow", "dag dags celeryexecutor"),
    ("object store bucket", "s3 minio getobject putobject"),
    ("network file system nfs", "nfsd autofs"),
    ("disk smart", "smartd smartctl"),
    ("raid", "mdstat mdadm"),
    ("kube proxy", "iptables ipvs kubeproxy"),
    ("container runtime", "containerd crio runc dockerd"),
    ("time clock", "chronyd chronyc ntpd ntp"),
];

#[cfg(test)]
mod tests {
    use super::{PRODUCT_OF, PRODUCTS, product};

    #[test]
    fn a_part_belongs_to_one_product() {
        let count: usize = PRODUCTS.iter().map(|(_, parts)| parts.split_whitespace().count()).sum();
        assert_eq!(PRODUCT_OF.len(), count);
        assert!(PRODUCT_OF.keys().all(|part| *part == part.to_lowercase()));
    }

    #[test]
    fn a_part_tells_the_product() {
        assert_eq!(product("innodb"), Some("mysql mariadb"));
        assert_eq!(product("replica"), None);
    }
}
