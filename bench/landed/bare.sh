# What a landing needs of git and nothing else: FOLDER NUMBER. Eleven git processes.
set -e
export GIT_AUTHOR_NAME=t GIT_AUTHOR_EMAIL=t@localhost GIT_COMMITTER_NAME=t GIT_COMMITTER_EMAIL=t@localhost
cd "$1/repo"
entry="$1/entry-$2" check="$1/check-$2"
until git worktree add -q -b "entry-$2" "$entry" main 2>/dev/null; do git branch -q -D "entry-$2" 2>/dev/null || true; done
echo done > "$entry/work-$2.txt"
git -C "$entry" add --all
git -C "$entry" -c commit.gpgsign=false commit -q -m "Entry $2"
git -C "$entry" diff --numstat HEAD~1 HEAD
until git worktree add -q --detach "$check" "entry-$2" 2>/dev/null; do :; done
true
rm -rf "$check" "$entry"
while :; do # another landing may have moved the branch meanwhile
  ours=$(git rev-parse --verify --quiet refs/heads/landed) || { git update-ref refs/heads/landed main "" || true; continue; }
  tree=$(git merge-tree --write-tree "$ours" "entry-$2")
  merged=$(git commit-tree "$tree" -p "$ours" -p "entry-$2" -m "Merge entry $2")
  git update-ref refs/heads/landed "$merged" "$ours" 2>/dev/null && break
done
