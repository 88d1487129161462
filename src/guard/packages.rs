//! Package managers, language tools, and programs that run other programs.

use super::{
    FETCHES, READS, RUNS_CODE, high,
    tools::{PLAIN, Tool},
};
use crate::domain::verdict::Verdict;

const INSTALLS: Verdict = high("installs or removes software");

pub const TOOLS: &[Tool] = &[
    Tool {
        names: "apt apt-get yum dnf apk brew snap",
        grammar: PLAIN,
        rules: &[("list|show|policy|search|info", READS), ("", INSTALLS)],
        raises: &[],
    },
    Tool {
        names: "dpkg rpm",
        grammar: PLAIN,
        rules: &[("-l|-L|-s|-S|-V|-Va|-q|-qa|-qi|-ql|-qf|-qc", READS), ("", INSTALLS)],
        raises: &[(
            "-i*|-U*|-e*|-E*|-r|-P*|-F*|-D*|--install|--eval|--define|--import|--pipe|--macros|--load|--rcfile",
            INSTALLS,
        )],
    },
    Tool {
        names: "npm pnpm yarn",
        grammar: PLAIN,
        rules: &[
            ("audit fix", INSTALLS),
            ("ls|list|view|outdated|explain|why|audit", READS),
            ("install|i|ci|add|update|run|exec", FETCHES),
        ],
        raises: &[],
    },
    Tool { names: "npx pipx uvx", grammar: PLAIN, rules: &[("", FETCHES)], raises: &[] },
    Tool {
        names: "pip pip3",
        grammar: PLAIN,
        rules: &[
            ("show|list|check|freeze|debug", READS),
            ("index versions", READS),
            ("install|download|wheel", FETCHES),
            ("uninstall", INSTALLS),
        ],
        raises: &[],
    },
    Tool {
        names: "go",
        grammar: PLAIN,
        rules: &[("version|list", READS), ("mod verify|graph|why", READS), ("run|test|generate|install|get|build", RUNS_CODE)],
        raises: &[("-toolexec|-modfile|-overlay", RUNS_CODE)],
    },
    Tool {
        names: "cargo",
        grammar: PLAIN,
        rules: &[("tree|metadata|--version", READS), ("--version|-V $", READS), ("", RUNS_CODE)],
        raises: &[("--config", RUNS_CODE)],
    },
    Tool {
        names: "dotnet",
        grammar: PLAIN,
        rules: &[("--info|--version|--list-runtimes|--list-sdks $", READS), ("", RUNS_CODE)],
        raises: &[],
    },
    Tool {
        names: "java javac node python python2 python3 ruby php perl gcc rustc",
        grammar: PLAIN,
        rules: &[("--version|-version|-V|-v $", READS), ("", RUNS_CODE)],
        raises: &[],
    },
    Tool {
        names: "sh bash zsh dash ash eval source exec xargs nohup watch su chroot nsenter awk sed",
        grammar: PLAIN,
        rules: &[("", RUNS_CODE)],
        raises: &[],
    },
];

#[cfg(test)]
mod tests {
    use super::super::check;
    use crate::domain::verdict::RiskLevel;

    #[test]
    fn asking_is_low_and_running_is_high() {
        check(
            RiskLevel::Low,
            &["java -version", "npm ls", "pip check", "go version", "go mod verify", "rpm -qa", "apt list", "dotnet --info"],
        );
        check(
            RiskLevel::High,
            &[
                "bash x.sh",
                "python -c 'print(1)'",
                "python --version x.py",
                "ruby -v -e x",
                "npm install",
                "npm audit fix",
                "npx x",
                "pip install x",
                "apt-get install x",
                "rpm -e x",
                "go run .",
                "xargs ls",
                "sed -i x y",
            ],
        );
    }
}
