# What the Deployment's pod has, without a container: usage pod.sh SERVICE_ACCOUNT_FOLDER COMMAND...
# Started in a mount namespace of its own, as an ordinary user with capabilities only there.
set -eu
account=$1
shift
mount -t tmpfs tmpfs /run
mkdir -p /run/secrets/kubernetes.io/serviceaccount
cp "$account"/* /run/secrets/kubernetes.io/serviceaccount/
mount -o remount,bind,ro /run
mount -o remount,bind,ro /
cd /
exec setpriv --bounding-set=-all --inh-caps=-all --no-new-privs "$@"
