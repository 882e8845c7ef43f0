# Interactive shells of everybody. ~/.bashrc is read after this and wins.
[ -n "${PS1:-}" ] || return

shopt -s checkwinsize histappend globstar

# A long history, written after every command: a workspace may stop at any time.
HISTSIZE=100000 HISTFILESIZE=200000 HISTCONTROL=ignoreboth
PROMPT_COMMAND="history -a${PROMPT_COMMAND:+; $PROMPT_COMMAND}"

# folder (branch *+) $, the last sign red after a failure.
. /usr/lib/git-core/git-sh-prompt
GIT_PS1_SHOWDIRTYSTATE=1 GIT_PS1_SHOWUPSTREAM=auto
PS1='\[\e[$(($? ? 31 : 32))m\]❯\[\e[0m\] \[\e[1;34m\]\w\[\e[0;33m\]$(__git_ps1 " (%s)")\[\e[0m\] \$ '

eval "$(dircolors --bourne-shell)"
alias ls='ls --color=auto' ll='ls -lh' la='ls -lhA' grep='grep --color=auto' diff='diff --color=auto'

[ ! -r /usr/share/bash-completion/bash_completion ] || . /usr/share/bash-completion/bash_completion
