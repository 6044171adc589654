# Sourced by the recipes, which say in $root where the repository is. Sets the array `sophia`: the command that SOPHIA names, or the one of this repository, which is built.
if [[ -n ${SOPHIA:-} ]]; then
    read -r -a sophia <<< "$SOPHIA"
else
    dotnet build -c Release "$root/src/Sophia.Native.Cli" -v q --nologo -clp:NoSummary >&2
    sophia=(dotnet "$root/src/Sophia.Native.Cli/bin/Release/net10.0/sophia.dll")
fi
