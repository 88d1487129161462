//! Programs of a host: readers, services, processes, files.

use super::{
    DELETES_LOCALLY, MAY_SHOW_SECRETS, OTHER_IDENTITY, READS, RUNS_CODE, SHOWS_SECRETS, high, high_undoable, medium,
    medium_lasting,
    tools::{PLAIN, Tool, letters, words},
};
use crate::domain::verdict::Verdict;

/// Files that hold keys, tokens and passwords.
const SECRET_PATHS: &str = "*/secrets*|*/secret/*|*/private/*|*/.ssh/*|*shadow*|*.key|*key.pem|*-key*|*id_rsa*|*id_ed25519*|*id_ecdsa*|*/.aws/*|*/.azure/*|\
    *gcloud/*|*/.kube/*|*kubeconfig*|*/admin.conf|*/super-admin.conf|*/kubelet.conf|*.env|*/.env*|*passw*|*token*|*credential*|\
    *.docker/*|*.p12|*.pfx|*.jks|*.netrc|*.pgpass|*.my.cnf|*/environ|*tfstate*|*.npmrc|*.git-credentials";

const KILLS: Verdict = high("ends processes");

pub const TOOLS: &[Tool] = &[
    Tool {
        names: "cat head tail grep egrep fgrep zgrep zcat strings base64 od xxd jq diff cut nl",
        grammar: PLAIN,
        rules: &[("", READS)],
        raises: &[
            (SECRET_PATHS, SHOWS_SECRETS),
            ("--output|-output", medium("writes a file")),
            ("-r*|-R|--recursive", MAY_SHOW_SECRETS),
        ],
    },
    Tool {
        names: "ls stat id namei ldd file which whoami uname pwd wc df du free top uptime netstat lsof dig nslookup host ping \
            ping6 traceroute tracepath mtr readlink realpath lsblk findmnt vmstat iostat mpstat sar lscpu lsmod getcap \
            getfacl echo true md5sum sha256sum jps pgrep pidof groups ulimit arch pstree stern lspci apt-cache jstat test \
            nproc",
        grammar: PLAIN,
        rules: &[("", READS)],
        raises: &[],
    },
    Tool { names: "ps", grammar: letters("-o -p -C -u -U"), rules: &[("*e*", MAY_SHOW_SECRETS), ("", READS)], raises: &[] },
    Tool {
        names: "ss",
        grammar: letters("-A -f -F -D"),
        rules: &[("", READS)],
        raises: &[("-K|--kill", KILLS), ("-D", medium("writes a file"))],
    },
    Tool {
        names: "getent",
        grammar: PLAIN,
        rules: &[("hosts|ahosts|ahostsv4|ahostsv6|passwd|group|services|protocols|networks", READS), ("*shadow", SHOWS_SECRETS)],
        raises: &[],
    },
    Tool {
        names: "hostname date",
        grammar: PLAIN,
        rules: &[("+*", READS), ("*", high_undoable("changes the host")), ("", READS)],
        raises: &[("-s|--set|-F|--file|-b", high_undoable("changes the host"))],
    },
    Tool {
        names: "ip",
        grammar: PLAIN,
        // It takes every word shortened, so what is not a read is a change.
        rules: &[
            ("addr|address|a|route|r|link|l|neigh|n|rule|maddr|netns show|list|ls|get", READS),
            ("* *", high_undoable("changes the host's network")),
            ("addr|address|a|route|r|link|l|neigh|n|rule|maddr|netns", READS),
        ],
        raises: &[("-b|-ba*", RUNS_CODE)],
    },
    Tool {
        names: "iptables ip6tables iptables-save conntrack ufw firewall-cmd nft ipvsadm",
        grammar: letters("-t --table"),
        rules: &[
            ("-L|-S|--list*|--state", READS),
            ("list ruleset", READS),
            ("status", READS),
            ("", high("changes the firewall")),
        ],
        raises: &[(
            "-A|-I|-D|-F|-X|-Z|-P|-R|-N|-C|-E|--add*|--remove*|--flush|--delete*|--append|--insert|--replace|--policy|--zero|--new*|--rename*|--panic*|--reload|--set*|--complete*|--runtime*",
            high("changes the firewall"),
        )],
    },
    Tool {
        names: "systemctl",
        grammar: words("-t --type --state -n --lines -o --output -p --property"),
        rules: &[
            ("status|list-*|is-active|is-enabled|is-failed|is-system-running|cat|show|get-default", READS),
            (
                "restart|start|reload|try-restart|reload-or-restart|reset-failed|daemon-reload|enable",
                medium("restarts or starts a service"),
            ),
            ("stop|disable|mask|kill", high_undoable("stops a service")),
            ("reboot|poweroff|halt|kexec", high("stops the machine")),
        ],
        raises: &[("-H|--host|-M|--machine", OTHER_IDENTITY)],
    },
    Tool {
        names: "service",
        grammar: PLAIN,
        rules: &[
            ("* status", READS),
            ("* restart|start|reload", medium("restarts or starts a service")),
            ("* stop", high_undoable("stops a service")),
        ],
        raises: &[],
    },
    Tool {
        names: "journalctl",
        grammar: PLAIN,
        rules: &[("", READS)],
        raises: &[
            ("--vacuum*|--rotate|--relinquish-var|--setup-keys|--update-catalog", high("deletes or moves logs")),
            ("--flush|--sync", medium("writes logs to disk")),
        ],
    },
    Tool {
        names: "dmesg",
        grammar: letters("-l --level -f -n -s"),
        rules: &[("", READS)],
        raises: &[
            ("-C|-c|--clear|--read-clear", high("deletes kernel messages")),
            ("-n|-D|-E|--console*", medium("changes the console")),
        ],
    },
    Tool {
        names: "sysctl",
        grammar: letters("-r"),
        rules: &[
            ("*=*", high_undoable("changes the kernel's settings")),
            ("* *=*", high_undoable("changes the kernel's settings")),
            ("", READS),
        ],
        raises: &[("-w|-p|-f|--write|--load*|--system|-p*", high_undoable("changes the kernel's settings"))],
    },
    Tool { names: "env", grammar: PLAIN, rules: &[("*", RUNS_CODE), ("", MAY_SHOW_SECRETS)], raises: &[] },
    Tool { names: "printenv export set", grammar: PLAIN, rules: &[("", MAY_SHOW_SECRETS)], raises: &[] },
    Tool {
        names: "find",
        grammar: PLAIN,
        rules: &[("", READS)],
        raises: &[("-delete", high("deletes files")), ("-exec*|-ok*", RUNS_CODE), ("-fprint*|-fls", medium("writes a file"))],
    },
    Tool {
        names: "nvidia-smi",
        grammar: PLAIN,
        rules: &[("", READS)],
        raises: &[(
            "-r|--gpu-reset|-pm|-pl|-c|-e|-mig|-ac|-lgc|--persistence*|--power*|--compute*|--ecc*|-f|--filename",
            high_undoable("changes the GPU"),
        )],
    },
    Tool { names: "jstack", grammar: PLAIN, rules: &[("", READS)], raises: &[("-F", medium("holds the process while it runs"))] },
    Tool {
        names: "jmap",
        grammar: PLAIN,
        rules: &[("-histo*|-heap|-clstats", READS), ("", DUMPS_MEMORY)],
        raises: &[("-dump*|-F", DUMPS_MEMORY)],
    },
    Tool {
        names: "jinfo",
        grammar: PLAIN,
        rules: &[("-flags", READS), ("", high("reads or changes settings of the process"))],
        raises: &[("-flag", RUNS_CODE)],
    },
    Tool {
        names: "jcmd",
        grammar: PLAIN,
        rules: &[
            (
                "* Thread.print|GC.class_histogram|GC.heap_info|VM.flags|VM.version|VM.uptime|VM.native_memory|VM.info|VM.metaspace|help|PerfCounter.print",
                READS,
            ),
            ("* GC.heap_dump", DUMPS_MEMORY),
            ("* GC.run", medium("holds the process while it collects")),
            ("-l|-h $", READS),
            ("$", READS),
        ],
        raises: &[],
    },
    Tool { names: "py-spy", grammar: PLAIN, rules: &[("dump|top", READS)], raises: &[] },
    Tool {
        names: "tcpdump strace ltrace perf",
        grammar: PLAIN,
        rules: &[("", medium("watches a program or its traffic, which may hold secrets"))],
        raises: &[("-z", RUNS_CODE)],
    },
    Tool { names: "kill pkill killall", grammar: PLAIN, rules: &[("-l $", READS), ("", KILLS)], raises: &[] },
    Tool {
        names: "chmod chown chgrp setfacl",
        grammar: letters(""),
        rules: &[("", medium("changes who may use the files"))],
        raises: &[("-R|--recursive", high("changes who may use all files below"))],
    },
    Tool {
        names: "mount umount",
        grammar: PLAIN,
        rules: &[("$", READS), ("-l $", READS), ("", medium("changes what is mounted"))],
        raises: &[],
    },
    Tool {
        names: "mkdir touch update-ca-certificates",
        grammar: PLAIN,
        rules: &[("", medium("writes local files"))],
        raises: &[],
    },
    Tool {
        names: "resize2fs xfs_growfs lvextend growpart",
        grammar: PLAIN,
        rules: &[("", medium_lasting("grows a volume, which cannot shrink again"))],
        raises: &[("-f|-M", DELETES_LOCALLY)],
    },
    Tool {
        names: "rm rmdir mkfs* dd truncate shred wipefs fdisk parted lvremove vgremove mv cp ln tee unlink fstrim",
        grammar: PLAIN,
        rules: &[("", DELETES_LOCALLY)],
        raises: &[],
    },
    Tool { names: "reboot shutdown halt poweroff init", grammar: PLAIN, rules: &[("", high("stops the machine"))], raises: &[] },
    Tool {
        names: "crontab",
        grammar: PLAIN,
        rules: &[("-l", READS)],
        raises: &[("-e|-r", high("changes the jobs of the host"))],
    },
    Tool {
        names: "modprobe insmod rmmod swapoff swapon setenforce",
        grammar: PLAIN,
        rules: &[("", high_undoable("changes the kernel"))],
        raises: &[],
    },
    Tool {
        names: "timedatectl chronyc loginctl hostnamectl resolvectl",
        grammar: PLAIN,
        rules: &[("status|tracking|sources|sourcestats|list-sessions|query|statistics|timesync-status", READS), ("$", READS)],
        raises: &[],
    },
];

const DUMPS_MEMORY: Verdict = medium("holds the process and writes its memory, with its secrets, to a file");

#[cfg(test)]
mod tests {
    use super::super::check;
    use crate::domain::verdict::RiskLevel;

    #[test]
    fn readers_of_the_host_are_low() {
        check(
            RiskLevel::Low,
            &[
                "cat /etc/resolv.conf",
                "ls -l /etc/cni/net.d /opt/cni/bin",
                "df -i",
                "ss -ltnp",
                "ps -ef",
                "ps aux",
                "ps -eo pid,etime,cmd",
                "dmesg -T",
                "ip addr",
                "ip route show",
                "journalctl -u kubelet --since '10 min ago'",
                "systemctl status kubelet",
                "systemctl --user list-units",
                "sysctl -n vm.max_map_count",
                "sysctl -a",
                "jcmd 1 GC.heap_info",
                "jstack 1",
                "jmap -histo 1",
                "getent hosts db",
                "id",
                "mount",
                "date",
                "hostname",
                "find / -name x",
                "iptables -t nat -L -n",
                "crontab -l",
                "timeout 5 ping -c 1 db",
                "nvidia-smi",
            ],
        );
    }

    #[test]
    fn small_changes_are_medium() {
        check(
            RiskLevel::Medium,
            &[
                "systemctl restart kubelet",
                "chmod 640 x",
                "chown 1000 x",
                "mount /dev/sdb /data",
                "env",
                "printenv",
                "jmap -dump:file=x 1",
                "resize2fs /dev/sdb",
                "ps auxe",
                "journalctl --flush",
            ],
        );
    }

    #[test]
    fn what_ends_deletes_or_tells_secrets_is_high() {
        check(
            RiskLevel::High,
            &[
                "rm -rf /tmp/x",
                "rm x",
                "mkfs.ext4 /dev/sdb",
                "dd if=/dev/zero of=/dev/sdb",
                "truncate -s 0 x",
                "kill 1",
                "kill -9 1",
                "pkill java",
                "cat /etc/shadow",
                "cat /etc/kubernetes/pki/ca.key",
                "cat /root/.kube/config",
                "cat /proc/1/environ",
                "head -5 /var/run/secrets/x/token",
                "env A=b sh",
                "systemctl stop kubelet",
                "systemctl reboot",
                "sysctl -w a=b",
                "sysctl a=b",
                "journalctl --vacuum-time=1d",
                "dmesg -C",
                "find / -delete",
                "find / -exec rm x",
                "chmod -R 777 /",
                "iptables -F",
                "ip link set eth0 down",
                "ip r fl all",
                "cat ~/.ssh/x",
                "ss -K dst 1.2.3.4",
                "hostname x",
                "date -s 1",
                "reboot",
            ],
        );
    }
}
