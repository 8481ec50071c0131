#!/bin/sh
set -e
if ! getent passwd fentrace >/dev/null; then
    adduser --system --group --home /var/lib/fentrace --no-create-home --quiet fentrace
fi
if [ -d /run/systemd/system ]; then
    systemctl daemon-reload
fi
