# Runs the Postgres "$1"/postgres in the folder "$2" on port "$3", with fsync "$4",
# for as long as somebody holds the other end of standard input, and obeys what is written there.
# Then it ends the server and removes the folder.
umask 077
start() {
	"$1/postgres" -D "$2/data" -p "$3" -c listen_addresses=127.0.0.1 -c unix_socket_directories= \
		-c fsync="$4" -c max_connections=200 -c shared_buffers=64MB -c log_min_messages=fatal \
		</dev/null >>"$2/log" 2>&1 &
	pid=$!
}
stop() {
	kill "-$1" "$pid" 2>/dev/null
	wait "$pid"
}
start "$@"
while read -r word; do
	case $word in
	start) start "$@" ;;
	stop) stop INT ;;
	crash) stop QUIT ;;
	esac
	echo done
done
stop INT
cd /
rm -rf "$2"
