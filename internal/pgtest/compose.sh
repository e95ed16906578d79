# Keeps the container of the folder "$1", for as long as somebody holds the other end of
# standard input, and obeys what is written there, as keeper.sh does. Then it removes all.
trap '' INT # from the terminal: the test binary ends, and then this
folder=$1 project=$(basename "$1")
compose() {
	docker compose --project-name "$project" --file "$folder/compose.yaml" "$@" </dev/null >>"$folder/log" 2>&1
}
while read -r word; do
	case $word in
	start) compose up --detach --wait ;;
	stop) compose stop ;;
	crash) compose kill ;;
	esac && echo done || echo failed
done
compose down --volumes
rm -rf "$folder"
